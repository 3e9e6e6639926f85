#!/usr/bin/env python3
"""The tables of the Python bindings say what the headers say: test_signatures.py. Loads no library."""
import ctypes
import importlib.util
import unittest

from headers import ROOT, Headers


def module(name):
    """A module of the bindings by itself: importing the package would load the library."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "bindings" / "python" / "powalloc" / f"{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


HEADERS, SIGNATURES, CONSTANTS = Headers(), module("_signatures"), module("constants")

# Whole numbers are checked on their way in only, by classes of their own.
RESULTS = {"void": None, "pa_status": SIGNATURES.pa_status, "int32_t": ctypes.c_int32, "uint32_t": ctypes.c_uint32,
           "uint64_t": ctypes.c_uint64, "size_t": ctypes.c_size_t, "double": ctypes.c_double,
           "char *": ctypes.c_char_p, "void *": ctypes.c_void_p, "double *": SIGNATURES.doubles, "float *": SIGNATURES.floats,
           "int32_t *": SIGNATURES.int32s, "int64_t *": SIGNATURES.int64s, "size_t *": SIGNATURES.sizes}
ARGUMENTS = dict(RESULTS, size_t=SIGNATURES.size_t, uint64_t=SIGNATURES.uint64_t)

# The classes of constants.py by the prefix that their names have in C.
PREFIXES = {"Status": "PA_", "Callback": "PA_CALLBACK_", "Architecture": "PA_UWMMSE_", "Input": "PA_REGNN_INPUT_",
            "ChannelInput": "PA_INPUT_", "MLPKind": "PA_MLP_",
            "Shift": "PA_REGNN_SHIFT_", "Activation": "PA_REGNN_ACTIVATION_", "Output": "PA_REGNN_OUTPUT_",
            "Utility": "PA_UTILITY_", "Constraint": "PA_CONSTRAINT_", "Statistic": "PA_TRAINER_STAT_"}


def expected(c_type, plain):
    if c_type in plain:
        return plain[c_type]
    if c_type.endswith("**"):
        return ctypes.POINTER(getattr(SIGNATURES, c_type[:-3]))
    return getattr(SIGNATURES, c_type[:-2] if c_type.endswith("*") else c_type)


class Signatures(unittest.TestCase):
    def test_every_function_is_there(self):
        self.assertEqual(sorted(SIGNATURES.FUNCTIONS), sorted(HEADERS.functions))

    def test_functions(self):
        for name, (result, arguments) in HEADERS.functions.items():
            with self.subTest(name):
                found = SIGNATURES.FUNCTIONS[name]
                self.assertEqual(found[0], expected(result, RESULTS))
                self.assertEqual(found[1], [expected(argument, ARGUMENTS) for argument in arguments])

    def test_callbacks(self):
        for name, (result, arguments) in HEADERS.callbacks.items():
            with self.subTest(name):
                found = getattr(SIGNATURES, name)
                self.assertEqual(found._restype_, expected(result, RESULTS))
                self.assertEqual(list(found._argtypes_), [expected(argument, RESULTS) for argument in arguments])

    def test_constants(self):
        for name, prefix in PREFIXES.items():
            for constant in getattr(CONSTANTS, name):
                with self.subTest(constant):
                    self.assertEqual(constant, HEADERS.constants[prefix + constant.name])

    def test_no_constant_is_missing(self):
        there = {prefix + constant.name for name, prefix in PREFIXES.items() for constant in getattr(CONSTANTS, name)}
        keys = {name for name, number in HEADERS.constants.items() if number > 100}
        versions = {name for name in HEADERS.constants if name.startswith("PA_VERSION_")}
        self.assertEqual(there, set(HEADERS.constants) - keys - versions)

    def test_version(self):
        parts = [HEADERS.constants[f"PA_VERSION_{part}"] for part in ("MAJOR", "MINOR", "PATCH")]
        self.assertEqual(list(SIGNATURES.VERSION), parts)


if __name__ == "__main__":
    unittest.main()
