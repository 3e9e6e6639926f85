"""The numbers of the headers, without their prefixes."""
from enum import IntEnum, IntFlag


class Status(IntEnum):
    """What a call returns (PA_OK, ...); negative ones arrive as exceptions."""
    OK = 0
    STOPPED = 1
    INFEASIBLE = 2
    ERROR_ARGUMENT = -1
    ERROR_MEMORY = -2
    ERROR_WORKSPACE = -3
    ERROR_FILE = -4
    ERROR_FORMAT = -5
    ERROR_CALLBACK = -6
    ERROR_NUMERIC = -7
    ERROR_STATE = -8


class Callback(IntEnum):
    """What a callback may return (PA_CALLBACK_*); None means OK. To abort, raise an exception."""
    OK = 0
    SKIP = 1
    STOP = 2
    ABORT = -1


class Architecture(IntEnum):
    """Architectures of UWMMSE (PA_UWMMSE_*)."""
    PAPER = 1
    EXTENDED = 2


class ChannelInput(IntEnum):
    """The channel as an MLP or an IGCNet sees it (PA_INPUT_*)."""
    AMPLITUDE = 1
    LOG = 2


class MLPKind(IntEnum):
    """What an MLP gives (PA_MLP_*)."""
    POWERS = 1
    PROBABILITIES = 2


class Input(IntFlag):
    """Node inputs of a REGNN (PA_REGNN_INPUT_*), to be combined with |."""
    ONES = 1
    SNR = 2
    WEIGHT = 4
    WEIGHT_SNR = 8


class Shift(IntEnum):
    """Graph shifts of a REGNN (PA_REGNN_SHIFT_*)."""
    SCALE = 1
    SPECTRAL = 2
    SHARE = 3
    BOUNDED = 4


class Activation(IntEnum):
    """Activations between the layers of a REGNN (PA_REGNN_ACTIVATION_*)."""
    RELU = 1
    TANH = 2
    ABSOLUTE = 3


class Output(IntEnum):
    """What the outputs of a REGNN mean (PA_REGNN_OUTPUT_*)."""
    BERNOULLI = 1
    LEVELS = 2
    CONTINUOUS = 3


class Utility(IntEnum):
    """Utilities of the mean rewards (PA_UTILITY_*)."""
    SUM = 1
    PROPORTIONAL_FAIR = 2
    HARMONIC = 3
    MIN = 4
    SOFT_MIN = 5


class Constraint(IntEnum):
    """Constraints on mean rewards and powers (PA_CONSTRAINT_*)."""
    MEAN_POWER = 1
    MIN_REWARD = 2
    MAX_REWARD = 3
    DEMAND = 4


class Statistic(IntEnum):
    """Numbers that a trainer tells (PA_TRAINER_STAT_*): the properties of Trainer."""
    STEP = 1
    RATE = 2
    HELD_OUT_RATE = 3
    BEST_RATE = 4
    BEST_STEP = 5
    GRADIENT_NORM = 6
    DROPPED = 7
    STEP_RATE = 8
    BASELINE_RATE = 9
    POWER = 10
    BEST_POWER = 11
    VIOLATION = 12
    BEST_VIOLATION = 13
    POWER_DUAL = 14
