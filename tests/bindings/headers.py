"""What the public headers declare: functions, callback types and constants."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]


def c_type(declaration):
    """Type of "const double *power": the words but the parameter's name and const, and the stars."""
    words = [word for word in re.findall(r"\w+", declaration) if word not in ("const", "struct")]
    return " ".join([words[0], "*" * declaration.count("*")]).strip()


def parameters(text):
    return [] if text.strip() == "void" else [c_type(parameter) for parameter in text.split(",")]


class Headers:
    """functions and callbacks: {name: (type returned, [types of parameters])}; constants: {name: number}"""

    def __init__(self, folder=ROOT / "include" / "powalloc"):
        self.functions, self.callbacks, self.constants = {}, {}, {}
        for header in sorted(folder.glob("*.h")):
            text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S).replace("\\\n", "")
            for result, name, arguments in re.findall(r"^PA_API ([^;(]*?)(\w+)\(([^;]*)\);", text, flags=re.M):
                self.functions[name] = c_type(result), parameters(arguments)
            for result, name, arguments in re.findall(r"^typedef (\w+) \(\*(\w+)\)\(([^;]*)\);", text, flags=re.M):
                self.callbacks[name] = result, parameters(arguments)
            for name, number in re.findall(r"^#define (PA_\w+)\s+\(?(-?\d+)\)?\s*$", text, flags=re.M):
                self.constants[name] = int(number)
        assert len(self.functions) > 100 and len(self.callbacks) > 5 and len(self.constants) > 50, "headers were read"
