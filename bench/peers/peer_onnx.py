"""ONNX Runtime on one thread, of the model that PyTorch exports: the usual way of a trained network into a C program."""

import io
import warnings

import onnxruntime
import torch

import peer_torch

NAME = f"ONNX Runtime {onnxruntime.__version__}"


def contestants(task):
    if task.trains:
        return {}
    weights = peer_torch.tensors(task.weights)
    module = peer_torch.Module(lambda x: task.forward(ExportOps, x, weights)).eval()
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (torch.as_tensor(task.h),), file, input_names=["h"], dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.set_denormal_as_zero", "1")  # and not back on for the whole thread
    session = onnxruntime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])
    return {NAME: lambda: session.run(None, {"h": task.h})[0]}


class ExportOps(peer_torch.Rows):
    """What the exporter has no operator for, in other words; a sigmoid whose small values are not 1 less almost 1."""

    diagonal = staticmethod(lambda a: (a * torch.eye(a.shape[1], dtype=a.dtype)).sum(2))
    sigmoid = staticmethod(lambda x: 1 / (1 + torch.exp(-x)))
