"""A look into model files of any kind."""
import os

from ._arrays import view
from ._library import library, make, text


class ModelFile:
    """A model file: metadata, a dict of texts, and tensors, a dict of read-only arrays."""

    def __init__(self, path):
        file = make(library.pa_model_file_load, os.fsencode(path))
        count = library.pa_model_file_metadata_count(file)
        names = [library.pa_model_file_metadata_name(file, k) for k in range(count)]
        self.metadata = {text(name): text(library.pa_model_file_metadata(file, name)) for name in names}
        self.tensors = {text(library.pa_model_file_tensor_name(file, k)): _tensor(file, k)
                        for k in range(library.pa_model_file_tensor_count(file))}


def _tensor(file, index):
    shape = [library.pa_model_file_tensor_extent(file, index, axis)
             for axis in range(library.pa_model_file_tensor_rank(file, index))]
    return view(library.pa_model_file_tensor_data(file, index), shape, keep=file)
