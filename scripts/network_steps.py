"""A step of `firebrand fit` on large networks (mean-field, prox-score, minibatches) beside a plain gradient step of the same networks in PyTorch:
time and peak memory, and their ratios, as a table.

    python3 scripts/network_steps.py target/release/firebrand --device cuda --work results/networks
    python3 scripts/network_steps.py target/release/firebrand --device libtorch --work results/networks --only resnet101 --rows 2 --steps 1,4

A step's time is what more steps take longer, by the seconds that the program reports. Peak memory is that of a run of a few steps with all
that comes before and after: of the GPU, as nvidia-smi sees it grow, or on the CPU of the process. Images and labels are random.
"""

import argparse
import array
import json
import os
import pathlib
import random
import subprocess
import sys
import threading
import time

MODEL = """data {{
  int<lower=1> N;
  matrix[N, {inputs}] x;
  array[N] int<lower=1, upper={classes}> y;
}}
parameters {{
  network f = {network};
}}
model {{
  f ~ normal(0, 1);
  for (n in 1:N) y[n] ~ categorical_logit(f(x[n]));
}}
"""


class Setting:
    def __init__(self, name, network, size, classes, rows, few, many):
        self.name, self.size, self.classes = name, size, classes
        self.network = network.format(size=size, classes=classes)
        self.rows, self.few, self.many = rows, few, many


FULL = [
    Setting("resnet101", "resnet(101, 3, {size}, {size}, {classes})", 224, 1000, 32, 4, 24),
    Setting("vit_l_32", "vit(32, 1024, 24, 16, 4096, {size}, {classes})", 224, 1000, 32, 4, 24),
]
SMALL = [Setting("resnet18", "resnet(18, 3, {size}, {size}, {classes})", 32, 10, 2, 1, 11)]


def write_images(path, rows, columns):
    """Standard normal numbers in 32 bits, in NumPy's format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html"""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    numbers = random.Random(1)
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
        for _ in range(rows):
            values = array.array("f", (numbers.gauss(0, 1) for _ in range(columns)))
            if sys.byteorder == "big":
                values.byteswap()
            values.tofile(file)


def write_problem(folder, setting):
    """The model and its data: twice as many rows as a step sees."""
    folder.mkdir(parents=True, exist_ok=True)
    inputs, rows = 3 * setting.size**2, 2 * setting.rows
    model = MODEL.format(inputs=inputs, classes=setting.classes, network=setting.network)
    (folder / "model.stan").write_text(model)
    write_images(folder / "x.npy", rows, inputs)
    labels = [1 + row % setting.classes for row in range(rows)]
    data = {"N": rows, "x": {"file": "x.npy"}, "y": labels}
    (folder / "data.json").write_text(json.dumps(data))


def used_on_gpu(index):
    query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", f"--id={index}"]
    return 2**20 * int(subprocess.run(query, check=True, capture_output=True, text=True).stdout)


def measured(command, gpu):
    """What a command prints, and the peak of its memory in bytes; none if it fails."""
    before, peak = (used_on_gpu(gpu) if gpu is not None else 0), 0
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    ended = threading.Event()

    def watch():
        nonlocal peak
        while not ended.wait(0.1):
            peak = max(peak, used_on_gpu(gpu) - before)

    if gpu is not None:
        threading.Thread(target=watch, daemon=True).start()
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    ended.set()
    if status != 0:
        return None
    # In kilobytes on Linux.
    return output, (peak if gpu is not None else 1024 * usage.ru_maxrss)


def firebrand_step(program, folder, setting, device, gpu):
    """Seconds of a step, and the peak of the memory of a run."""
    seconds = []
    for steps in (setting.few, setting.many):
        command = [program, "fit", folder / "model.stan", "--data", folder / "data.json", "--minibatch", f"N={setting.rows}"]
        command += ["--family", "mean-field", "--inference", "prox-score", "--max-steps", str(steps), "--draws", "2", "--json"]
        command += ["--device", device, "--precision", "f32"]
        found = measured(command, gpu)
        if found is None:
            sys.exit(f"FAILED: {' '.join(map(str, command))}")
        output, peak = found
        seconds.append(json.loads(output)["record"]["outcome"]["ran"]["seconds"])
    return (seconds[1] - seconds[0]) / (setting.many - setting.few), peak


def torch_step(setting, device, gpu):
    """The same of a gradient step; none where PyTorch cannot be had."""
    script = pathlib.Path(__file__).with_name("gradient_step.py")
    command = [sys.executable, script, setting.name, "--device", device.replace("libtorch", "cpu"), "--rows", str(setting.rows)]
    command += ["--size", str(setting.size), "--classes", str(setting.classes), "--steps", str(setting.many - setting.few)]
    found = measured(command, gpu)
    if found is None:
        return None
    output, peak = found
    return json.loads(output.splitlines()[-1])["seconds"], peak


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("program", help="the program `firebrand`, built with the feature `tch`")
    arguments.add_argument("--device", default="cuda")
    arguments.add_argument("--work", type=pathlib.Path, required=True, help="a folder for models and data")
    arguments.add_argument("--small", action="store_true", help="a small network on few rows, for a trial of this script")
    arguments.add_argument("--only", help="one of the networks")
    arguments.add_argument("--rows", type=int, help="rows that a step sees, where memory or time are short")
    arguments.add_argument("--steps", help="the steps of a short and of a long run, such as 1,4")
    asked = arguments.parse_args()
    settings = [setting for setting in (SMALL if asked.small else FULL) if asked.only in (None, setting.name)]
    if not settings:
        arguments.error(f"there is no network {asked.only}")
    for setting in settings:
        setting.rows = asked.rows or setting.rows
        if asked.steps:
            setting.few, setting.many = map(int, asked.steps.split(","))
    gpu = None
    if asked.device.startswith("cuda"):
        gpu = int((asked.device + ":0").split(":")[1])

    print("| network | | firebrand | PyTorch | ratio |\n|---|---|--:|--:|--:|")
    complete = True
    for setting in settings:
        folder = asked.work / setting.name
        write_problem(folder, setting)
        own = firebrand_step(asked.program, folder, setting, asked.device, gpu)
        other = torch_step(setting, asked.device, gpu)
        complete = complete and other is not None
        for what, unit, row in (("seconds a step", 1, 0), ("peak memory, GB", 1e9, 1)):
            peer = f"{other[row] / unit:.3g} | {own[row] / other[row]:.2f}" if other else "not measured | "
            print(f"| {setting.name} | {what} | {own[row] / unit:.3g} | {peer} |", flush=True)
    if not complete:
        sys.exit("FAILED: no step of PyTorch was measured; it needs a Python with `torch` and `torchvision`")


if __name__ == "__main__":
    main()
