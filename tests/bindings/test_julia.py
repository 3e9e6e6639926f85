#!/usr/bin/env python3
"""The Julia bindings parse, and call and number things as the headers do: test_julia.py

They are not run. Needs the packages tree-sitter and tree-sitter-julia; ends with 77, skipped, without them.
"""
import collections
import re
import sys
import unittest

from headers import ROOT, Headers

try:
    import tree_sitter
    import tree_sitter_julia
except ImportError as reason:
    print(f"skipped: {reason}; see tree-sitter and tree-sitter-julia on PyPI")
    sys.exit(77)

HEADERS = Headers()
PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_julia.language()))
SOURCES = {path.name: PARSER.parse(path.read_bytes()).root_node
           for path in (ROOT / "bindings" / "julia" / "src").glob("*.jl")}
README = ROOT / "bindings" / "julia" / "README.md"

JULIA = {"void": {"Cvoid"}, "pa_status": {"Int32", "Cint"}, "int32_t": {"Int32", "Cint"}, "uint32_t": {"UInt32"},
         "uint64_t": {"UInt64"}, "size_t": {"Csize_t"}, "double": {"Cdouble"}, "char *": {"Cstring"},
         "void *": {"Ptr{Cvoid}"}, "double *": {"Ptr{Cdouble}", "Ref{Cdouble}"}, "float *": {"Ptr{Cfloat}"}, "int32_t *": {"Ptr{Int32}"},
         "int64_t *": {"Ptr{Int64}"}, "size_t *": {"Ptr{Csize_t}"}}

Call = collections.namedtuple("Call", "place name arguments result")


def expected(c_type):
    """Types that may stand for one of C."""
    if c_type in JULIA:
        return JULIA[c_type]
    return {"Ref{Ptr{Cvoid}}"} if c_type.endswith("**") else {"Ptr{Cvoid}"}


def nodes(root):
    yield root
    for child in root.children:
        yield from nodes(child)


def text(node):
    return re.sub(r"\s+", " ", node.text.decode())


def place(file, node):
    return f"{file}:{node.start_point[0] + 1}"


def macrocalls(name):
    """Uses of a macro: place and arguments."""
    for file, root in SOURCES.items():
        for node in nodes(root):
            if node.type == "macrocall_expression" and text(node.children[0]) == name:
                yield place(file, node), node.children[1].named_children


def ccalls():
    """Every @ccall library.name(value::type, ...)::type."""
    for where, (typed,) in macrocalls("@ccall"):
        call, result = typed.named_children
        callee, arguments = call.named_children
        library, name = callee.named_children
        assert text(library) == "library", where
        types = [text(argument.named_children[-1]) if argument.type == "typed_expression" else f"none: {text(argument)}"
                 for argument in arguments.named_children]
        yield Call(where, text(name), types, text(result))


def functions():
    """Parameters and results of functions: {name: (types, type)}."""
    found = {}
    for root in SOURCES.values():
        for node in nodes(root):
            match = re.match(r"(?:function )?(\w+_fn)\(([^=]*?)\)::(\w+)", text(node))
            if node.type in ("function_definition", "assignment") and match:
                found[match[1]] = [parameter.split("::")[1] for parameter in match[2].split(", ")], match[3]
    return found


class Julia(unittest.TestCase):
    def test_sources_parse(self):
        blocks = re.findall(r"^```julia\n(.*?)^```", README.read_text(), flags=re.M | re.S)
        self.assertTrue(blocks)
        roots = dict(SOURCES)
        roots.update((f"README {k}", PARSER.parse(block.encode()).root_node) for k, block in enumerate(blocks))
        wrong = [f"{place(file, node)}: {text(node)}" for file, root in roots.items() for node in nodes(root)
                 if node.is_error or node.is_missing]
        self.assertEqual(wrong, [])

    def test_sources_are_included(self):
        included = set(re.findall(r'include\("(.*?)"\)', text(SOURCES["PowAlloc.jl"])))
        self.assertEqual(included, set(SOURCES) - {"PowAlloc.jl"})

    def test_no_call_is_overlooked(self):
        mentioned = sum(len(re.findall(r"\bpa_\w+\(", text(root))) for root in SOURCES.values())
        self.assertEqual(len(list(ccalls())), mentioned)
        self.assertGreater(mentioned, 60)

    def test_calls(self):
        for call in ccalls():
            with self.subTest(call.place, name=call.name):
                self.assertTrue(call.name in HEADERS.functions, "not in the headers")
                result, arguments = HEADERS.functions[call.name]
                self.assertIn(call.result, expected(result))
                self.assertEqual(len(call.arguments), len(arguments))
                for number, (found, argument) in enumerate(zip(call.arguments, arguments)):
                    self.assertIn(found, expected(argument), f"argument {number}, in C {argument}")

    def test_callbacks(self):
        defined, used = functions(), set()
        for where, (name, result, arguments) in macrocalls("@cfunction"):
            with self.subTest(where):
                types, name = [text(argument) for argument in arguments.named_children], text(name)
                c_result, c_arguments = HEADERS.callbacks[f"pa_{name}"]
                self.assertIn(text(result), expected(c_result))
                self.assertEqual([found in expected(argument) for found, argument in zip(types, c_arguments)],
                                 [True] * len(c_arguments))
                self.assertEqual(len(types), len(c_arguments))
                self.assertEqual(defined[name], (types, text(result)))
                used.add(f"pa_{name}")
        # Pools of the user's own threads are for C: Julia code cannot run on threads that it does not know.
        self.assertEqual(used, set(HEADERS.callbacks) - {"pa_exchange_fn", "pa_free_fn", "pa_gather_fn", "pa_parallel_fn",
                                                         "pa_sum_fn", "pa_task_fn"})

    def test_constants(self):
        found = {}
        for root in SOURCES.values():
            for statement in (node for node in nodes(root) if node.type == "const_statement"):
                match = re.fullmatch(r"const ([A-Z_]+) = (?:\w+\()?(-?\d+)\)?", text(statement))
                if match:
                    found[f"PA_{match[1]}"] = int(match[2])
        self.assertGreater(len(found), 40)
        for name, number in found.items():
            with self.subTest(name):
                self.assertEqual(number, HEADERS.constants.get(name))
        missing = {name for name, number in HEADERS.constants.items() if abs(number) < 100} - set(found)
        self.assertEqual(missing, {"PA_OK", "PA_VERSION_PATCH"})

    def test_exports_exist(self):
        exported = re.findall(r"[\w!]+", " ".join(re.findall(r"export ([^\n]*)", SOURCES["PowAlloc.jl"].text.decode())))
        whole = "\n".join(root.text.decode() for root in SOURCES.values())
        for name in exported:
            with self.subTest(name):
                self.assertRegex(whole, rf"(?m)^(function |struct |mutable struct )?{re.escape(name)}(\(| <:)")


if __name__ == "__main__":
    unittest.main()
