#!/usr/bin/env python3
"""Trains REGNN on one network and runs it on larger ones, as it is and re-priced to their budget.

POWALLOC_LIBRARY=build/lib/libpowalloc.so PYTHONPATH=bindings/python python3 bench/regnn_transfer.py [SEED ...]

REGNN paper, section VI-B in the setting of the authors' code: power gain d^-2.2 Rayleigh^2, p0 = 4 W, noise 1 W, budget
M W; trained on 50 links, constant density. Sum-rates in nat/s/Hz over draws that nothing was priced on.
"""
import sys

import numpy as np

import powalloc as pa
from powalloc import rewards

SIZES = (50, 75, 100, 200, 500)


def network(links, seed):
    return pa.Network.adhoc(links, seed=seed, noise=1.0, power_limit=4.0, path_loss_exponent=1.1, reference_links=50)


def score(policy, states):
    power = policy.allocate(states)
    return states.rates(power).sum() / states.batch * np.log(2), power.sum() / states.batch


def one(seed):
    model = pa.REGNN(seed=seed)
    trainer = pa.Trainer(model.policy, network(50, seed), seed=seed, threads=2)
    trainer.set_reward(rewards.CAPACITY)
    trainer.add_constraint(pa.Constraint.MEAN_POWER, 50.0)
    trainer.run(10000)
    found = []
    for links in SIZES:
        on = network(links, seed + 1000)
        batch = max(100, 2_000_000 // links**2)
        pricing, test = on.states(batch, stream=8), on.states(batch, stream=9)
        policy, priced = model.policy, pa.Policy("wmmse-priced")
        before = score(policy, test)
        policy.meet_budget(pricing, float(links))
        priced.meet_budget(pricing, float(links))
        after, best = score(policy, test), score(priced, test)
        print(f"seed {seed}, {links} links: priced WMMSE {best[0]:.3f} ({best[1]:.1f} W), REGNN as trained "
              f"{before[0]:.3f} ({before[1]:.1f} W), re-priced {after[0]:.3f} ({after[1]:.1f} W): {after[0] / best[0]:.4f}",
              flush=True)
        found.append(after[0] / best[0])
    return found


ratios = np.array([one(int(seed)) for seed in sys.argv[1:] or ("0",)])
print("of priced WMMSE, mean (least):", ", ".join(f"{links}: {r.mean():.4f} ({r.min():.4f})"
                                                  for links, r in zip(SIZES, ratios.T)))
