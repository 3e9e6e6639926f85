#!/usr/bin/env python3
"""Makes the page and the picture of large networks from what scale and cutoff wrote.

    scale_report.py OUT.md OUT.png SCALE.csv CUTOFF.csv MACHINE
"""

import csv
import os
import subprocess
import sys

SETTINGS = {"sum-rate": "UWMMSE paper's setting, sum-rate", "power budget": "REGNN paper's setting, power budget"}
BUILDING, DRAWING = "building the network", "drawing a state"

HEADER = """# Large networks {{#large_networks}}

Beyond some distance a transmitter is not worth a channel. On sparse channels (@ref pa_graph) the time and the memory of
a policy follow the edges, not the square of the links: what a model learned on 20 or 50 links runs on a million, on one
core. This page shows what that brings and what it takes: figure 9 of the REGNN paper, two thousand times further.
`bench/scale_report.py` makes it; @ref performance_sparse has the library beside other ones.

Measured on {machine}.

"""
GROWTH = """## From 20 links to {most}

Ad hoc networks of constant density with a cut-off that leaves about 32 edges a link, one Rayleigh draw each. Powers are
decided on the edges alone; the rates count what lies beyond them too, as the mean interference of the powers in use
(pa_network_left_out()). *Edges* is the rate without that.

- The UWMMSE paper's setting: -91 dB noise, 1 W at most, as dense as 20 links. *uwmmse-robust* was trained on 10 to 30
  links.
- The REGNN paper's setting, as its authors' code has it: 1 W noise, 4 W at most, 1 W a link in the mean, as dense as 50
  links. *regnn-adhoc50* was trained on 50 links. Prices, thresholds and offsets were set on one network of 20 000 links.

The architectures marked *(untrained)* show the time of the papers' own ones. A time is the best of up to five on one
core, in double precision; *memory* is all that the process had: channels, graph, states, workspace, powers.

![Rates and times over the number of links]({image})

"""
CUTOFF = """
## What a cut-off costs

1000 links of the UWMMSE paper's setting, with full matrices beside the edges. *Left out*: the interference beyond the
cut-off with all transmitters at their limits, its mean over the noise, as pa_network_left_out() and the command tell it.
In % of the true sum-rate, that on full matrices of the same draws:

- *error*: how much too high the sum-rate is that the edges predict for the powers decided on them, without a remainder;
  *bound*: how much it can be in the mean by what is left out (@ref embedding derives it); *share* and *all*: the error
  where as much of what is left out counts as noise (@ref PA_NETWORK_REMAINDER) as the policy uses of its limits, and all
  of it;
- *lost*: the true sum-rate of these powers below that of powers decided on full matrices, without a remainder; *share*:
  the same with one.

"""
PLAN = """
## Past one machine

One network in parts, a process each, is there (@ref machines). On paper, for 10^8 links with 32 edges each on 100 machines,
from the figures above:

- **Memory.** 10^6 links a machine are {memory:.0f} MB for UWMMSE. One machine of {whole:.0f} GB could hold all 10^8, if a
  pass may take {alone:.0f} s.
- **Ghosts.** 32 edges a link reach {radius:.1f} mean distances. A square part of 1000 x 1000 links has about
  4 x 1000 x {radius:.1f} = {ghosts:.0f} ghosts, {share:.1f} % of its links.
- **Volume.** A layer of UWMMSE, as an iteration of WMMSE, takes 2 numbers a ghost, {layer:.1f} MB a machine; the gates of
  all layers together 9. A layer of REGNN with 5 taps takes 4 numbers a ghost and feature, with 4 features
  {regnn_layer:.1f} MB. A pass of UWMMSE (`paper`, 4 layers) comes to 18 numbers in 11 exchanges, {uwmmse:.1f} MB; WMMSE
  with 100 iterations to 202 in 202, {wmmse:.0f} MB; REGNN of 8 such layers to 121 in 33, {regnn:.0f} MB (@ref machines).
- **Time.** At 1.25 GB/s and 20 us an exchange with its neighbours (10 Gbit/s Ethernet): UWMMSE {t_uwmmse:.1f} ms, WMMSE
  {t_wmmse:.0f} ms, REGNN {t_regnn:.0f} ms of communication, none of it hidden, beside {c_uwmmse:.0f} ms, {c_wmmse:.0f} ms
  and {c_regnn:.0f} ms of computing on one core: {p_uwmmse:.1f} %, {p_wmmse:.1f} % and {p_regnn:.1f} %. Expected: the time
  of 10^6 links on one machine, {c_uwmmse:.0f} ms a UWMMSE pass, within these per cents.
- **With all cores.** A pass reads memory at its limit. On a machine with ten times the bandwidth of this core the pass
  takes {fast:.0f} ms; then latency counts, and a slot of a few milliseconds needs parts of 10^4 links on 10^4 cores,
  whose {small_ghosts:.0f} ghosts are {small_share:.0f} % of the links.
- **What would break first.** Not the volume but the evenness: all wait for the part with the most edges, and where users
  cluster that is several times the mean. Parts are what the caller makes them; the library does not balance them. Next,
  shifts divided by their spectral norm, with 63 sums over all ranks one after the other. Then building:
  in pa_mpi_part_create_positions() every rank looks at the boxes of all others and tells each a count, which is
  nothing for 100 ranks and much for 10^5. A link's number within a part has 31 bits, in the network 63.
"""


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def links_text(links):
    text = f"{links:,}".replace(",", " ")
    return text


def digits(value, places=3):
    return f"{float(value):.{places}g}"


def growth_table(rows, setting):
    text = f"**{SETTINGS[setting]}**\n\n"
    text += ("| links | networks | policy | bit/s/Hz a link | edges | of the first policy | W a link | ns a link | "
             "workspace, bytes a link | memory, MB |\n|---|---|---|---|---|---|---|---|---|---|\n")
    for row in rows:
        if row["setting"] != setting or row["policy"] in (BUILDING, DRAWING):
            continue
        spread = f" ± {float(row['ratio_ci']):.3f}" if row["rate"] and float(row["ratio_ci"]) > 1e-9 else ""
        rate = [f"{float(row['rate']):.4g}", f"{float(row['rate_of_edges']):.4g}", f"{float(row['ratio']):.3f}{spread}",
                f"{float(row['power']):.3f}"] if row["rate"] else [""] * 4
        memory = f"{float(row['peak_mb']):.0f}"
        cells = [links_text(int(row["links"])), row["networks"], row["policy"], *rate, f"{float(row['ns_a_link']):.0f}",
                 f"{float(row['work_bytes_a_link']):.0f}", memory]
        text += "| " + " | ".join(cells) + " |\n"
    return text + "\n"


def building_table(rows):
    text = "| links | edges a link | building the network, s | drawing a state, s |\n|---|---|---|---|\n"
    drawing = {row["links"]: row for row in rows if row["policy"] == DRAWING and row["setting"] == "sum-rate"}
    for row in rows:
        if row["policy"] == BUILDING and row["setting"] == "sum-rate":
            links = int(row["links"])
            text += (f"| {links_text(links)} | {float(row['edges_a_link']):.1f} | "
                     f"{digits(float(row['ns_a_link']) * links / 1e9)} | "
                     f"{digits(float(drawing[row['links']]['ns_a_link']) * links / 1e9)} |\n")
    return "Building a network from a seed, cut-off and all, and drawing the fading of one state on its edges:\n\n" + text


def picture(path, rows):
    """Rates over those of WMMSE above, nanoseconds a link below."""
    blocks, rates, times = [], [], []
    names = {"WMMSE-100": 1, "uwmmse-robust": 2, "full power": 3, "WMMSE at a price": 1, "regnn-adhoc50": 4,
             "threshold": 5}
    for index, (name, colour) in enumerate(names.items()):
        same = [row for row in rows if row["policy"] == name]
        if not same:
            continue
        lines = "\n".join(f"{row['links']} {row['ratio']} {row['ns_a_link']}" for row in same)
        blocks.append(f"$data{index} << EOD\n{lines}\nEOD\n")
        style = f"with linespoints lc {colour} pt {5 + colour} dt {2 if name == 'WMMSE at a price' else 1} lw 2"
        if not name.startswith("WMMSE"):
            rates.append(f"$data{index} using 1:2 {style} title '{name}'")
        if name not in ("full power", "threshold"):
            times.append(f"$data{index} using 1:3 {style} title '{name}'")
    script = "".join(blocks) + f"""
set terminal pngcairo size 900,800
set output '{path}'
set multiplot layout 2,1
set logscale x
set xrange [14:1.5e6]
set format x '10^{{%T}}'
set grid
set key right center
set yrange [.55:1.08]
set ylabel 'rate over that of WMMSE in its setting'
plot 1 lc rgb '#888888' notitle, {', '.join(rates)}
set xlabel 'links'
set key right bottom
set ylabel 'ns a link, one core'
set logscale y
set yrange [100:20000]
plot {', '.join(times)}
unset multiplot
"""
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def cutoff_table(rows):
    """Means over the networks."""
    text = ("| cut-off | edges a link | left out, over the noise | policy | W a link | error | bound | share | all | "
            "lost | share |\n|---|---|---|---|---|---|---|---|---|---|---|\n")
    groups = {}
    for row in rows:
        groups.setdefault((float(row["cutoff"]), row["policy"]), []).append(row)
    for (cutoff, policy), same in groups.items():
        def mean(column):
            return sum(float(row[column]) for row in same) / len(same)
        columns = ["error_none", "bound_mean", "error_share", "error_all", "loss_none", "loss_share"]
        cells = [f"{cutoff:g}", f"{mean('edges'):.1f}", digits(mean("left_out")), policy.removeprefix("builtin:"),
                 f"{mean('mean_power'):.3f}", *(f"{mean(column):.3g}" if abs(mean(column)) >= 1 else
                                                f"{mean(column):.2f}" for column in columns)]
        text += "| " + " | ".join(cells) + " |\n"
    return text


def plan(rows):
    """Figures of a million links, and what follows for a hundred machines."""
    of = {row["policy"]: row for row in rows if row["links"] == "1000000"}
    if not of:
        return ""
    radius = (32 / 3.14159265) ** .5
    ghosts, small = 4 * 1000 * radius, 4 * 100 * radius
    computing = {name: float(of[policy]["ns_a_link"]) for name, policy in (
        ("uwmmse", "UWMMSE paper (untrained)"), ("wmmse", "WMMSE-100"), ("regnn", "regnn-adhoc50"))}
    numbers, exchanges = {"uwmmse": 18, "wmmse": 202, "regnn": 121}, {"uwmmse": 11, "wmmse": 202, "regnn": 33}
    values = {}
    for name, count in numbers.items():
        megabytes = ghosts * count * 8 / 1e6
        waiting = megabytes / 1.25 + exchanges[name] * .02
        values |= {name: megabytes, f"t_{name}": waiting, f"c_{name}": computing[name],
                   f"p_{name}": 100 * waiting / computing[name]}
    return PLAN.format(memory=float(of["UWMMSE paper (untrained)"]["peak_mb"]), alone=computing["uwmmse"] / 10,
                       whole=float(of["UWMMSE paper (untrained)"]["peak_mb"]) / 10,
                       radius=radius, ghosts=ghosts, share=100 * ghosts / 1e6, fast=computing["uwmmse"] / 10,
                       small_ghosts=small, small_share=100 * small / 1e4, layer=ghosts * 2 * 8 / 1e6,
                       regnn_layer=ghosts * 16 * 8 / 1e6, **values)


def main():
    page, image, scale, cutoff, machine = sys.argv[1:]
    rows = rows_of(scale)
    picture(image, rows)
    relative = os.path.relpath(image, os.path.dirname(os.path.abspath(page)))
    text = HEADER.format(machine=machine)
    text += GROWTH.format(most=links_text(max(int(row["links"]) for row in rows)), image=relative)
    text += "".join(growth_table(rows, setting) for setting in SETTINGS) + building_table(rows)
    text += CUTOFF + cutoff_table(rows_of(cutoff)) + plan(rows)
    text += """
## The commands

```sh
meson setup build -Dbench=true && ninja -C build bench/scale bench/cutoff
build/bench/scale scale.csv 1 20 50 100 200 500 1000 2000 5000 10000 100000 1000000
build/bench/cutoff 1000 4 2 cutoff.csv 5 10 20 40 80 160
bench/scale_report.py docs/large_networks.md docs/images/large_networks.png scale.csv cutoff.csv "MACHINE"
```
"""
    with open(page, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main()
