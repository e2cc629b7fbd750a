"""The time of a plain gradient step of a network in PyTorch: what a step of variational inference on the same network is held
against. Prints it as JSON."""

import argparse
import json
import time


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("network", help="a network of torchvision, such as resnet101 or vit_l_32")
    arguments.add_argument("--device", default="cuda")
    arguments.add_argument("--rows", type=int, default=32)
    arguments.add_argument("--size", type=int, default=224, help="of images, in pixels")
    arguments.add_argument("--classes", type=int, default=1000)
    arguments.add_argument("--steps", type=int, default=20)
    asked = arguments.parse_args()

    import torch
    import torchvision.models as models

    device = torch.device(asked.device)
    on_gpu = device.type == "cuda"
    # Group normalisation, as where rows must not be coupled.
    residual = {"norm_layer": lambda width: torch.nn.GroupNorm(32, width)}
    options = residual if asked.network.startswith("resnet") else {"image_size": asked.size}
    build = getattr(models, asked.network)
    network = build(weights=None, num_classes=asked.classes, **options).to(device).train()
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-3)
    images = torch.randn(asked.rows, 3, asked.size, asked.size, device=device)
    labels = torch.randint(0, asked.classes, (asked.rows,), device=device)

    def step():
        optimiser.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(network(images), labels).backward()
        optimiser.step()
        if on_gpu:
            torch.cuda.synchronize()

    step()
    began = time.perf_counter()
    for _ in range(asked.steps):
        step()
    seconds = (time.perf_counter() - began) / asked.steps
    weights = sum(parameter.numel() for parameter in network.parameters())
    print(json.dumps({"network": asked.network, "weights": weights, "seconds": seconds}))


if __name__ == "__main__":
    main()
