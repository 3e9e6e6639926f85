"""Decibels, dBm and thermal noise: from the field's units to linear watts."""
from ._library import library, number


def db_to_ratio(db):
    """Power ratio of a value in dB."""
    return library.pa_db_to_ratio(db)


def ratio_to_db(ratio):
    """dB of a power ratio; -inf for 0."""
    return library.pa_ratio_to_db(ratio)


def dbm_to_watts(dbm):
    """Watts of a power in dBm."""
    return library.pa_dbm_to_watts(dbm)


def watts_to_dbm(watts):
    """dBm of a power in W; -inf for 0."""
    return library.pa_watts_to_dbm(watts)


def thermal_noise(bandwidth, noise_figure=0.0):
    """Noise power of a receiver in W at 290 K; bandwidth in Hz, noise figure in dB."""
    return number(library.pa_thermal_noise, bandwidth, noise_figure)


def parse_power(text):
    """Watts of a text such as "0.1", "200 mW", "30 dBm" or "-91 dB" (dB over 1 W)."""
    return number(library.pa_parse_power, text.encode())
