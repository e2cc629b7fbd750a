"""Writes the files of weights in this folder with `torch.save`, and `expected.json`: for each file the weights that PyTorch holds, in
the order of the network's, and what the network makes of `ROW`, in 64 bits.

Run in this folder, with PyTorch 2: python write.py
"""

import collections
import json

import torch

ROW = [0.75, -1.25]
# What checkpoints have beside weights, in objects of many kinds.
BESIDE = {
    "epoch": 3,
    "seed": 2**70,
    "loss": [0.5, float("nan")],
    "frozen": {"layers.9.weight"},
    "splits": frozenset({1, 2}),
    "betas": (0.9, 0.999),
    "flags": (True, False, None),
    "name": "Netz \u00fc" + 300 * "x",
    "raw": b"\x00\xff",
    "more": bytearray(b"abc"),
    "numbers": (-1, 300, 70_000, 2**40),
    "type": torch.float16,
    "place": torch.device("cpu"),
    "history": collections.OrderedDict(first=1, second=2),
}


class Network(torch.nn.Module):
    """`mlp(2, {3}, 1)`."""

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList([torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)])

    def forward(self, x):
        return self.layers[1](torch.relu(self.layers[0](x)))


def network(seed):
    torch.manual_seed(seed)
    return Network()


def expected(state):
    made = Network().double()
    made.load_state_dict(state)
    output = made(torch.tensor([ROW], dtype=torch.float64))
    weights = [number for tensor in made.state_dict().values() for number in tensor.flatten().tolist()]
    # As texts, which every reader rounds alike.
    return {"weights": [repr(number) for number in weights], "output": repr(output.item())}


def trained(seed):
    """A network after two steps of Adam, and the optimizer."""
    made = network(seed)
    adam = torch.optim.Adam(made.parameters())
    for _ in range(2):
        adam.zero_grad()
        made(torch.tensor([ROW])).sum().backward()
        adam.step()
    return made, adam


def main():
    found = {}

    def save(name, content, state, **options):
        torch.save(content, name, **options)
        found[name] = expected(state)

    state = network(1).state_dict()
    save("state_dict.pt", state, state)

    # A checkpoint of a training, whose names begin with those of modules around the network.
    made, adam = trained(2)
    state = made.state_dict()
    around = {f"module.{name}": tensor for name, tensor in state.items()}
    save("checkpoint.pth", {**BESIDE, "state_dict": around, "optimizer": adam.state_dict()}, state)

    # Two networks of the same names, in another version of pickles.
    state = network(3).state_dict()
    save("averaged.pt", {**BESIDE, "ema": network(4).state_dict(), "model": state}, state, pickle_protocol=5)

    state = network(5).state_dict()
    kinds = [torch.float16, torch.bfloat16, torch.float64, torch.float16]
    state = {name: tensor.to(kind) for (name, tensor), kind in zip(state.items(), kinds)}
    save("precisions.bin", state, state)

    # As PyTorch before 1.6 wrote.
    state = network(6).state_dict()
    save("legacy.pt", state, state, _use_new_zipfile_serialization=False)

    # Tensors that are a transposed one, parts of one storage, and one number repeated.
    all_of_it = torch.arange(20.0) / 8 - 1
    state = {
        "layers.0.weight": all_of_it[:6].reshape(2, 3).t(),
        "layers.0.bias": all_of_it[6:12:2],
        "layers.1.weight": torch.tensor([[0.375]]).expand(1, 3),
        "layers.1.bias": all_of_it[19:],
    }
    save("views.pt", state, state)

    # The network itself, which is not how its weights are meant to be saved.
    made = network(7)
    save("module.pt", made, made.state_dict())

    with open("expected.json", "w") as file:
        json.dump({"row": ROW, "files": found}, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
