"""Whole training steps in PyTorch; the input is TrainingInput of training/list.ts."""

import numpy as np
import torch
from torch.nn import functional

from networks import DenseNet, SentencePairClassifier, WideResNet


class TorchTraining:
    """Batch from host arrays, forward and backward pass, torch.optim.SGD, the loss read back."""

    def __init__(self, workload, channels_last):
        torch.set_num_threads(workload["threads"])
        torch.manual_seed(1)
        architecture = workload["architecture"]
        batch_size = workload["batchSize"]
        random = np.random.default_rng(1)
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        kind = architecture["kind"]
        if kind == "sentence-pairs":
            self.network = SentencePairClassifier(
                architecture["embedding"], architecture["units"], architecture["hidden"]
            )
            self.arrays = [
                random.random((batch_size, max(lengths), architecture["embedding"]), np.float32)
                for lengths in workload["lengths"]
            ]
        else:
            sizes = [architecture["depth"], architecture.get("width", architecture.get("growth"))]
            kinds = {"wide-resnet": WideResNet, "dense-net": DenseNet}
            self.network = kinds[kind](*sizes, architecture["classes"])
            side = architecture["size"]
            self.arrays = [random.random((batch_size, 3, side, side), np.float32)]
        self.network.to(memory_format=self.layout)
        self.labels = random.integers(0, architecture["classes"], batch_size)
        self.lengths = [torch.tensor(lengths) for lengths in workload["lengths"]]
        self.optimizer = torch.optim.SGD(
            self.network.parameters(), lr=0.01, momentum=0.9, nesterov=True, fused=True
        )

    def restore(self):
        """Nothing has to be given back between steps."""

    def step(self):
        tensors = [torch.tensor(array) for array in self.arrays]
        if self.lengths:
            (premises, hypotheses), (first, second) = tensors, self.lengths
            scores = self.network(premises, first, hypotheses, second)
        else:
            scores = self.network(tensors[0].contiguous(memory_format=self.layout))
        loss = functional.cross_entropy(scores, torch.tensor(self.labels))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def values(self):
        return [value.detach().numpy() for value in self.network.parameters()]

    def versions(self):
        return {"torch": torch.__version__}
