"""Threads that share the work of one call."""
from ._library import Resource, library, make


class Pool(Resource):
    """Threads for Policy.allocate() and Trainer.set_pool(). One call at a time may use a pool; results do not depend on
    it, nor on its number of threads, in the last bit."""

    def __init__(self, threads):
        super().__init__(make(library.pa_pool_create, threads))

    @property
    def threads(self):
        return library.pa_pool_threads(self.handle)
