"""One rank of PyTorch's DistributedDataParallel with gloo, which mpirun has started.

Times training steps of parameters whose sum is the loss, so that forward and backward pass cost next to
nothing, and the same on each rank by itself. Arguments: elements, rounds, threads. Rank 0 prints the
milliseconds and the version as JSON.
"""

import json
import os
import sys
import time

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel


class Sum(torch.nn.Module):
    def __init__(self, elements):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(elements))

    def forward(self, factor):
        return factor * self.weight.sum()


class Training:
    def __init__(self, elements, wrap):
        self.module = wrap(Sum(elements))
        self.optimizer = torch.optim.SGD(
            self.module.parameters(), lr=0.01, momentum=0.9, nesterov=True, fused=True
        )

    def step(self):
        self.optimizer.zero_grad()
        self.module(1e-3).backward()
        self.optimizer.step()


def main():
    elements, rounds, threads = map(int, sys.argv[1:])
    torch.set_num_threads(threads)
    rank = int(os.environ["OMPI_COMM_WORLD_RANK"])
    size = int(os.environ["OMPI_COMM_WORLD_SIZE"])
    distributed.init_process_group("gloo", rank=rank, world_size=size)
    trainings = {
        "shared": Training(
            elements, lambda module: DistributedDataParallel(module, gradient_as_bucket_view=True)
        ),
        "alone": Training(elements, lambda module: module),
    }
    times = {name: [] for name in trainings}
    # The first rounds open connections and touch memory.
    for turn in range(-2, rounds):
        for name, training in trainings.items():
            distributed.barrier()
            start = time.perf_counter()
            training.step()
            if turn >= 0:
                times[name].append(1000 * (time.perf_counter() - start))
    if rank == 0:
        print(json.dumps({**times, "version": torch.__version__}), flush=True)
    distributed.barrier()
    # Threads of gloo that still run make an ordinary end abort the process at times.
    os._exit(0)


main()
