"""Plain C loops over BLIS, one call a product, on one thread (blis.c)."""

import ctypes

import numpy

import library as lib
import tasks

NAME = "C over BLIS"
FUNCTIONS = {"regnn": "blis_regnn", "regnn training": "blis_regnn_training", "wmmse": "blis_wmmse",
             "uwmmse": "blis_uwmmse"}
PRECISIONS = {"float64": ("", ctypes.c_double), "float32": ("_f32", ctypes.c_float)}


def job_of(real):
    class Job(ctypes.Structure):
        _fields_ = [("batch", ctypes.c_size_t), ("links", ctypes.c_size_t), ("h", ctypes.c_void_p),
                    ("weights", ctypes.c_void_p), ("dy", ctypes.c_void_p), ("noise", real), ("out", ctypes.c_void_p),
                    ("scratch", ctypes.c_void_p)]

    return Job


def contestants(task):
    if task.kind not in FUNCTIONS:
        return {}
    c, (suffix, real) = task.library.c, PRECISIONS[str(task.dtype)]
    scale = numpy.float64(task.weights.get("scale", 1)) ** numpy.arange(tasks.TAPS)  # S = scale h, in the taps
    weights = task.weights["taps"] * scale if "taps" in task.weights else task.weights.get("flat", numpy.empty(0))
    weights = numpy.ascontiguousarray(weights, task.dtype)
    out = numpy.empty(weights.shape if task.trains else task.h.shape[:2], task.dtype)
    scratch = numpy.empty(getattr(c, "blis_scratch" + suffix)(ctypes.c_size_t(task.links)), numpy.uint8)
    dy = task.weights.get("dy", out)
    job = job_of(real)(task.batch, task.links, *map(lib.pointer, (task.h, weights, dy)), task.noise,
                       *map(lib.pointer, (out, scratch)))
    job.arrays = weights, dy, out, scratch  # they live as long
    function = getattr(c, FUNCTIONS[task.kind] + suffix)

    def run():
        function(ctypes.byref(job))
        return [out * scale] if task.trains else out

    run.timed = lambda times: c.probe_repeat(function, ctypes.byref(job), ctypes.c_size_t(times))
    version = c.bli_info_get_version_str().decode()
    return {f"{NAME} {version}": run}
