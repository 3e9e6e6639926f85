# The numbers of the headers: NAME here is PA_NAME there.

const VERSION_MAJOR = 0
const VERSION_MINOR = 1

const STOPPED = Int32(1)
const INFEASIBLE = Int32(2)
const ERROR_ARGUMENT = Int32(-1)
const ERROR_MEMORY = Int32(-2)
const ERROR_WORKSPACE = Int32(-3)
const ERROR_FILE = Int32(-4)
const ERROR_FORMAT = Int32(-5)
const ERROR_CALLBACK = Int32(-6)
const ERROR_NUMERIC = Int32(-7)
const ERROR_STATE = Int32(-8)

"What a callback may return; anything else counts as `CALLBACK_OK`. To abort, throw an exception."
struct CallbackCode
    code::Int32
end

const CALLBACK_OK = CallbackCode(0)
const CALLBACK_SKIP = CallbackCode(1)
const CALLBACK_STOP = CallbackCode(2)
const CALLBACK_ABORT = CallbackCode(-1)

const UWMMSE_PAPER = Int32(1)
const UWMMSE_EXTENDED = Int32(2)

const REGNN_INPUT_ONES = 1
const REGNN_INPUT_SNR = 2
const REGNN_INPUT_WEIGHT = 4
const REGNN_INPUT_WEIGHT_SNR = 8
const REGNN_SHIFT_SCALE = 1
const REGNN_SHIFT_SPECTRAL = 2
const REGNN_SHIFT_SHARE = 3
const REGNN_SHIFT_BOUNDED = 4
const REGNN_RELU = 1
const REGNN_TANH = 2
const REGNN_ABSOLUTE = 3
const REGNN_BERNOULLI = 1
const REGNN_LEVELS = 2
const REGNN_CONTINUOUS = 3

const UTILITY_SUM = Int32(1)
const UTILITY_PROPORTIONAL_FAIR = Int32(2)
const UTILITY_HARMONIC = Int32(3)
const UTILITY_MIN = Int32(4)
const UTILITY_SOFT_MIN = Int32(5)

const CONSTRAINT_MEAN_POWER = Int32(1)
const CONSTRAINT_MIN_REWARD = Int32(2)
const CONSTRAINT_MAX_REWARD = Int32(3)
const CONSTRAINT_DEMAND = Int32(4)

const TRAINER_STEP = Int32(1)
const TRAINER_RATE = Int32(2)
const TRAINER_HELD_OUT_RATE = Int32(3)
const TRAINER_BEST_RATE = Int32(4)
const TRAINER_BEST_STEP = Int32(5)
const TRAINER_GRADIENT_NORM = Int32(6)
const TRAINER_DROPPED = Int32(7)
const TRAINER_STEP_RATE = Int32(8)
const TRAINER_BASELINE_RATE = Int32(9)
const TRAINER_POWER = Int32(10)
const TRAINER_BEST_POWER = Int32(11)
const TRAINER_VIOLATION = Int32(12)
const TRAINER_BEST_VIOLATION = Int32(13)
const TRAINER_POWER_DUAL = Int32(14)
