"""Trainers: make a learned policy better on states from a network or of yours."""
import contextlib
import ctypes
import os
import signal
import threading

import numpy as np

from . import _signatures
from ._arrays import parameters, view
from ._library import Tunable, callback, library, make, number, text
from .constants import Statistic, Status
from .network import Network
from .rewards import LibraryGradient, LibraryReward
from .states import lent


def _statistic(what, doc, kind=float):
    return property(lambda self: kind(number(library.pa_trainer_stat, self.handle, what)), doc=doc)


class Trainer(Tunable):
    """A trainer of a model's policy, on a Network (fresh states in every step) or on States (random batches of them).

    Keys are keyword arguments, see powalloc.keys.of("trainer"); the result depends on them and the seed alone. Policy
    and source are borrowed: leave both as they are during a run, and the source until the last one.

    With a reward, training is model-free: it maximises a utility of the mean rewards under constraints by trying
    powers. Reward, utility and constraints are set before the first step.
    """

    _noun = "trainer"

    def __init__(self, policy, source, seed=0, **keys):
        of_network = isinstance(source, Network)
        create = library.pa_trainer_create if of_network else library.pa_trainer_create_on_states
        super().__init__(make(create, policy.handle, source.handle, seed, policy=policy.handle, source=source.handle))
        self.infeasibility = None
        self.set(**keys)

    def set_teacher(self, teacher):
        """Trains by imitation of a Policy; None: on the sum-rate again. Before the first step."""
        handle = None if teacher is None else teacher.handle
        library.pa_trainer_set_teacher(self.handle, handle)
        self._keep("teacher", handle)

    def set_pool(self, pool):
        """Trains on a Pool instead of threads of each run's own; None: on those again. The weights are the same."""
        handle = None if pool is None else pool.handle
        library.pa_trainer_set_pool(self.handle, handle)
        self._keep("pool", handle)

    # ---- the problem of model-free training ----

    def set_reward(self, reward, rewards=None, gradient=None):
        """Trains model-free on a reward: one of powalloc.rewards, or a function reward(states, power, reward).

        The function fills reward (batch, rewards) for power (batch, links) in W; it may return Callback.SKIP to have
        the step's batch left out, or Callback.STOP. The arguments are the library's: use them within the call only.
        With precision=1 the states are of float32; powers and rewards are of float64 always.

        rewards: rewards of a sample; None: one for each link
        gradient: powalloc.rewards.CAPACITY_GRADIENT or a function gradient(states, power, weight, gradient) that fills
            gradient (batch, links): the derivative in power of the sum of the rewards times weight (rewards,). It is
            then followed in place of the score function.
        """
        rewards = library.pa_trainer_links(self.handle) if rewards is None else rewards
        thunk, user = _reward_thunk(reward)
        slope = _gradient_thunk(gradient)
        library.pa_trainer_set_reward(self.handle, rewards, thunk, user, _signatures.pa_free_fn())
        self._keep("reward", (thunk, user))
        library.pa_trainer_set_reward_gradient(self.handle, slope)
        self._keep("gradient", slope)

    def set_utility(self, utility, weights=()):
        """Maximises a Utility with weights (rewards,), all 1 if empty; or a function utility(mean, gradient).

        The function returns the utility of mean (rewards,) and fills gradient (rewards,).
        """
        if callable(utility):
            def thunk(user, mean, rewards, value, gradient):
                u = utility(view(mean, (rewards,)), view(gradient, (rewards,), writable=True))
                view(value, (), writable=True)[...] = float(u)
            thunk = callback(_signatures.pa_utility_fn, thunk)
            library.pa_trainer_set_utility_callback(self.handle, thunk, None, _signatures.pa_free_fn())
            self._keep("utility", thunk)
        else:
            weights = parameters(weights, "weights")
            library.pa_trainer_set_utility(self.handle, utility, weights, weights.size)
            self._keep("utility", None)

    def add_constraint(self, constraint, bound=()):
        """Adds a Constraint with its bound, one number or one for each link or reward."""
        bound = parameters(bound, "bound")
        library.pa_trainer_add_constraint(self.handle, constraint, bound, bound.size)

    def add_constraint_callback(self, constraint, n=1):
        """Adds n constraints of yours: constraint(mean, value, jacobian).

        It fills value (n,), >= 0 where a constraint is met, and jacobian (n, rewards) for mean (rewards,).
        """
        def thunk(user, mean, rewards, value, jacobian, n):
            return constraint(view(mean, (rewards,)), view(value, (n,), writable=True),
                              view(jacobian, (n, rewards), writable=True))
        thunk = callback(_signatures.pa_constraint_fn, thunk)
        place = self.constraint_count
        library.pa_trainer_add_constraint_callback(self.handle, n, thunk, None, _signatures.pa_free_fn())
        self._keep(("constraint", place), thunk)

    def _keep(self, name, kept):
        self.handle.keep[name] = kept

    @property
    def constraint_count(self):
        """Elements of all constraints together."""
        return library.pa_trainer_constraint_count(self.handle)

    @property
    def duals(self):
        """Dual variables (constraint_count,): a new array."""
        duals = np.empty(self.constraint_count)
        library.pa_trainer_constraints(self.handle, duals, None, duals.size)
        return duals

    @property
    def violations(self):
        """Violations (constraint_count,) with the weights kept, relative to the bounds, > 0: not met. A new array."""
        violations = np.empty(self.constraint_count)
        library.pa_trainer_constraints(self.handle, None, violations, violations.size)
        return violations

    @property
    def mean_rewards(self):
        """Mean rewards (rewards,) on the held-out states with the weights kept: a new array."""
        rewards = np.empty(library.pa_trainer_rewards(self.handle))
        library.pa_trainer_mean_rewards(self.handle, rewards, rewards.size)
        return rewards

    @property
    def link_weights(self):
        """Weights (links,) that a policy with Input.WEIGHT was trained with, for States.set_weights(): a new array."""
        weights = np.empty(library.pa_trainer_links(self.handle))
        library.pa_trainer_link_weights(self.handle, weights, weights.size)
        return weights

    # ---- runs ----

    def run(self, steps, progress=None, every=100):
        """Trains for a number of steps, more if called again.

        progress(trainer) is called every so many steps and after the last; it may return Callback.STOP.

        However it ends, the policy then has the weights that were best on the held-out states. Exceptions of callbacks
        come out as they are. Ctrl-C ends the run after its present step and raises KeyboardInterrupt.

        Returns Status.OK, STOPPED, or INFEASIBLE: no weights met every constraint, and infeasibility says which.
        """
        last = self.step + steps

        # C code calls this in every step, whatever the user wants: Python's signal handlers run between instructions of
        # Python code on the main thread alone, so that a run without any would not hear Ctrl-C.
        def tell(user, pointer):
            step = self.step
            if progress and (step % every == 0 or step == last):
                return progress(self)

        self._set_progress(callback(_signatures.pa_progress_fn, tell))
        try:
            with _interrupts_put_off(self.request_stop):
                status = Status(library.pa_trainer_run(self.handle, steps))
            self.infeasibility = text(library.pa_last_error()) if status is Status.INFEASIBLE else None
            return status
        finally:
            self._set_progress(_signatures.pa_progress_fn())

    def _set_progress(self, thunk):
        library.pa_trainer_set_progress(self.handle, 1, thunk, None, _signatures.pa_free_fn())
        self._keep("progress", thunk)

    def request_stop(self):
        """Ends the run after its present step; from any thread."""
        library.pa_trainer_request_stop(self.handle)

    def save(self, path):
        """Writes a checkpoint: weights, optimiser, position in the streams."""
        library.pa_trainer_save(self.handle, os.fsencode(path))

    def resume(self, path):
        """Goes back to a checkpoint, before the first run; the next run continues bit for bit."""
        library.pa_trainer_resume(self.handle, os.fsencode(path))

    # ---- what a trainer tells of its run; nan where there is nothing yet ----

    step = _statistic(Statistic.STEP, "Steps done since the trainer was made.", int)
    dropped = _statistic(Statistic.DROPPED, "Samples left out because their gradient was not finite.", int)
    rate = _statistic(Statistic.RATE, "Mean sum-rate in bit/s/Hz, or utility, of recent steps.")
    held_out_rate = _statistic(Statistic.HELD_OUT_RATE, "The same on the held-out states at the last look.")
    best_rate = _statistic(Statistic.BEST_RATE, "Best of these looks: the weights that the model gets.")
    best_step = _statistic(Statistic.BEST_STEP, "Step of the best look.")
    gradient_norm = _statistic(Statistic.GRADIENT_NORM, "Norm of the last gradient before clipping.")
    step_rate = _statistic(Statistic.STEP_RATE, "Learning rate of the last step.")
    baseline_rate = _statistic(Statistic.BASELINE_RATE, "Mean sum-rate of WMMSE with 100 iterations, held out.")
    power = _statistic(Statistic.POWER, "Model-free: mean total power at the last look, W.")
    best_power = _statistic(Statistic.BEST_POWER, "Model-free: the same at the best look, W.")
    violation = _statistic(Statistic.VIOLATION, "Model-free: worst relative violation at the last look, < 0: met.")
    best_violation = _statistic(Statistic.BEST_VIOLATION, "Model-free: the same at the best look.")
    power_dual = _statistic(Statistic.POWER_DUAL, "Model-free: dual variable of the power budget.")


def _reward_thunk(reward):
    """The C function of a reward, and what it gets as its user pointer."""
    if isinstance(reward, LibraryReward):
        return ctypes.cast(reward.function, _signatures.pa_reward_fn), reward.user

    def thunk(user, pointer, power, out, rewards):
        with lent(pointer) as states:
            return reward(states, view(power, states.shape), view(out, (states.batch, rewards), writable=True))
    return callback(_signatures.pa_reward_fn, thunk), None


def _gradient_thunk(gradient):
    """The C function of the gradient of a reward, NULL for None."""
    if gradient is None:
        return _signatures.pa_reward_gradient_fn()
    if isinstance(gradient, LibraryGradient):
        return ctypes.cast(gradient.function, _signatures.pa_reward_gradient_fn)

    def thunk(user, pointer, power, weight, out, rewards):
        with lent(pointer) as states:
            return gradient(states, view(power, states.shape), view(weight, (rewards,)),
                            view(out, states.shape, writable=True))
    return callback(_signatures.pa_reward_gradient_fn, thunk)


@contextlib.contextmanager
def _interrupts_put_off(stop):
    """Calls stop() when the handler of SIGINT raises, and raises that at the end of the block.

    Raised where it happens it could be lost: between the C code and the try block of a callback nothing catches it. A
    second one is raised at once, to get out of a callback that hangs.
    """
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler) or threading.current_thread() is not threading.main_thread():
        yield
        return
    raised = []

    def put_off(number, frame):
        try:
            handler(number, frame)
        except BaseException as error:
            if raised:
                raise
            raised.append(error)
            stop()

    signal.signal(signal.SIGINT, put_off)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if raised:
            raise raised.pop()
