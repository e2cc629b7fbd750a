"""Time and peak memory of a plain gradient step in PyTorch, for ResNet-101 and ViT-L/32: what a step of variational inference on the same
network is held against."""

import argparse
import json
import resource
import time


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--device", default="cuda")
    arguments.add_argument("--rows", type=int, default=32)
    arguments.add_argument("--steps", type=int, default=20)
    arguments.add_argument("--small", action="store_true", help="ResNet-18 on two rows, for a trial of this script")
    asked = arguments.parse_args()

    import torch
    import torchvision.models as models

    device = torch.device(asked.device)
    networks = {"resnet101": models.resnet101, "vit_l_32": models.vit_l_32}
    rows, steps = asked.rows, asked.steps
    if asked.small:
        networks, rows, steps = {"resnet18": models.resnet18}, 2, 2
    on_gpu = device.type == "cuda"
    for name, build in networks.items():
        # Group normalisation, as where rows must not be coupled.
        options = {"norm_layer": lambda width: torch.nn.GroupNorm(32, width)} if name.startswith("resnet") else {}
        network = build(weights=None, **options).to(device).train()
        optimiser = torch.optim.SGD(network.parameters(), lr=1e-3)
        images = torch.randn(rows, 3, 224, 224, device=device)
        labels = torch.randint(0, 1000, (rows,), device=device)

        def step():
            optimiser.zero_grad(set_to_none=True)
            torch.nn.functional.cross_entropy(network(images), labels).backward()
            optimiser.step()
            if on_gpu:
                torch.cuda.synchronize()

        step()
        if on_gpu:
            torch.cuda.reset_peak_memory_stats()
        began = time.perf_counter()
        for _ in range(steps):
            step()
        seconds = (time.perf_counter() - began) / steps
        peak = torch.cuda.max_memory_allocated() if on_gpu else 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        weights = sum(parameter.numel() for parameter in network.parameters())
        print(json.dumps({"network": name, "rows": rows, "weights": weights, "seconds": seconds, "peak_bytes": peak}))


if __name__ == "__main__":
    main()
