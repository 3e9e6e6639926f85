"""Keys: what can be tuned on networks, policies, REGNN models and trainers."""
from collections import namedtuple

import numpy as np

from ._library import library, text

Key = namedtuple("Key", "description unit initial lowest highest")
Key.__doc__ = "What a key means, its unit, its default and its bounds."


def of(noun):
    """The keys of "network", "policy", "regnn" or "trainer": a dict of Key by name."""
    keys = {}
    for index in range(library.pa_key_count()):
        number = library.pa_key_at(index)
        owner, name = text(library.pa_key_name(number)).split(".")
        if owner == noun:
            bounds = np.empty(3)
            library.pa_key_bounds(number, bounds[0:], bounds[1:], bounds[2:])
            description, unit = library.pa_key_description(number), library.pa_key_unit(number)
            keys[name] = Key(text(description), text(unit), *bounds.tolist())
    return keys
