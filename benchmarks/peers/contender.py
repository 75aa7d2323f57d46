"""The process of a contender in Python: contender.py NAME.

Reads requests from standard input and answers on standard output, a line of JSON each;
worker/protocol.ts has their types; step/workload.ts has that of the input, training/list.ts that of a
training's.
"""

import json
import os
import platform
import resource
import sys
import time

# Libraries print where they like; what they print must not get between the answers.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import numpy as np  # noqa: E402


def read_inputs(workload):
    """Parameters and gradients, one array a tensor."""
    sizes = workload["sizes"]
    ends = np.cumsum(sizes)[:-1]
    total = int(sum(sizes))
    with open(workload["inputs"], "rb") as file:
        lists = [np.split(np.fromfile(file, np.float32, total), ends) for _ in range(2)]
    return lists


class TorchContender:
    """Steps of PyTorch on the CPU."""

    def __init__(self, workload):
        import torch

        self.torch = torch
        torch.set_num_threads(workload["threads"])
        values, slopes = read_inputs(workload)
        self.parameters = [torch.tensor(value, requires_grad=True) for value in values]
        for parameter, slope in zip(self.parameters, slopes):
            parameter.grad = torch.tensor(slope)
        self.workload = workload

    def restore(self):
        """Before each step, outside of its time: gives back gradients that a step has changed."""

    def values(self):
        return [parameter.detach().numpy() for parameter in self.parameters]

    def versions(self):
        return {"torch": self.torch.__version__}


class TorchSgd(TorchContender):
    """torch.optim.SGD; `constrained` adds clip_grad_norm_ and the projection on the ball."""

    def __init__(self, workload, constrained, foreach=False, fused=False):
        super().__init__(workload)
        momentum = float(workload["momentum"])
        self.optimizer = self.torch.optim.SGD(
            self.parameters,
            lr=workload["stepSize"],
            momentum=momentum,
            nesterov=momentum != 0,
            foreach=foreach,
            fused=fused,
        )
        self.constrained = constrained
        self.foreach = foreach or fused
        # With Nesterov momentum foreach adds the velocities to the gradients in place.
        changes_gradients = foreach and momentum != 0
        self.slopes = (
            [parameter.grad.clone() for parameter in self.parameters] if changes_gradients else None
        )

    def restore(self):
        if self.slopes is not None:
            self.torch._foreach_copy_([value.grad for value in self.parameters], self.slopes)

    def step(self):
        if self.constrained:
            # Larger than the norm: it multiplies the gradients by 1, with all the work of clipping.
            self.torch.nn.utils.clip_grad_norm_(self.parameters, 1e9, foreach=self.foreach)
        self.optimizer.step()
        if self.constrained and self.workload["maxNorm"] is not None:
            self.project(self.workload["maxNorm"])

    def project(self, radius):
        torch = self.torch
        with torch.no_grad():
            if self.foreach:
                norms = torch._foreach_norm(self.parameters)
            else:
                norms = [parameter.norm() for parameter in self.parameters]
            norm = torch.stack(norms).norm()
            if norm <= radius:
                return
            scale = radius / float(norm)
            if self.foreach:
                torch._foreach_mul_(self.parameters, scale)
            else:
                for parameter in self.parameters:
                    parameter.mul_(scale)


class TorchAliG(TorchContender):
    """The algorithm of the published PyTorch implementation, tensor by tensor."""

    def __init__(self, workload):
        super().__init__(workload)
        self.velocities = [self.torch.zeros_like(value) for value in self.parameters]
        self.loss = self.torch.tensor(workload["loss"])

    def step(self):
        torch = self.torch
        workload = self.workload
        momentum = float(workload["momentum"])
        with torch.no_grad():
            squared_norm = sum(float(value.grad.norm()) ** 2 for value in self.parameters)
            step_size = float(self.loss / (squared_norm + workload["epsilon"]))
            step_size = min(step_size, workload["maxLearningRate"])
            for parameter, velocity in zip(self.parameters, self.velocities):
                parameter.add_(parameter.grad, alpha=-step_size)
                if momentum != 0:
                    velocity.mul_(momentum).add_(parameter.grad, alpha=-step_size)
                    parameter.add_(velocity, alpha=momentum)
            if workload["maxNorm"] is not None:
                norm = sum(float(value.norm()) ** 2 for value in self.parameters) ** 0.5
                if norm > workload["maxNorm"]:
                    for parameter in self.parameters:
                        parameter.mul_(workload["maxNorm"] / norm)


class KerasSgd:
    """keras.optimizers.SGD in a compiled tf.function, as model.fit runs it."""

    def __init__(self, workload):
        os.environ["KERAS_BACKEND"] = "tensorflow"
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(workload["threads"])
        tf.config.threading.set_inter_op_parallelism_threads(workload["threads"])
        import keras

        self.packages = {"tensorflow (Python)": tf.__version__, "keras": keras.__version__}
        values, slopes = read_inputs(workload)
        self.variables = [keras.Variable(value, dtype="float32") for value in values]
        momentum = float(workload["momentum"])
        optimizer = keras.optimizers.SGD(
            workload["stepSize"], momentum=momentum, nesterov=momentum != 0
        )
        optimizer.build(self.variables)
        gradients = [tf.constant(slope) for slope in slopes]
        self.apply = tf.function(lambda slopes: optimizer.apply(slopes, self.variables))
        self.gradients = gradients

    def restore(self):
        pass

    def step(self):
        self.apply(self.gradients)

    def values(self):
        return [variable.numpy() for variable in self.variables]

    def versions(self):
        return self.packages


def torch_training(workload, channels_last=False):
    # It loads PyTorch, which the other contenders do when they are made.
    from training import TorchTraining

    return TorchTraining(workload, channels_last)


CONTENDERS = {
    "torch-for-loop": lambda workload: TorchSgd(workload, False),
    "torch-for-loop-constrained": lambda workload: TorchSgd(workload, True),
    "torch-foreach": lambda workload: TorchSgd(workload, False, foreach=True),
    "torch-foreach-constrained": lambda workload: TorchSgd(workload, True, foreach=True),
    "torch-fused": lambda workload: TorchSgd(workload, False, fused=True),
    "torch-fused-constrained": lambda workload: TorchSgd(workload, True, fused=True),
    "torch-alig": TorchAliG,
    "keras": KerasSgd,
    "torch-training": torch_training,
    "torch-training-channels-last": lambda workload: torch_training(workload, True),
}


def timed(contender, steps):
    """Milliseconds of a step on the clock, and of all processors together."""
    seconds = np.zeros(2)
    for _ in range(steps):
        contender.restore()
        start = np.array([time.perf_counter(), time.process_time()])
        contender.step()
        seconds += np.array([time.perf_counter(), time.process_time()]) - start
    step, processors = seconds * 1000 / max(1, steps)
    return {"step": step, "processors": processors}


def answer(contender, request, takes):
    if request == "turn":
        timed(contender, takes["untimed"])
        return {"milliseconds": timed(contender, takes["steps"])}
    if request == "write":
        with open(takes["file"], "wb") as file:
            for value in contender.values():
                value.tofile(file)
        return {}
    if request == "details":
        return {"details": {}}
    if request == "memory":
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[1])
        return {
            "residentBytes": pages * resource.getpagesize(),
            "peakBytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            "tensors": None,
        }
    raise ValueError(request)


def main():
    contender = None
    for line in sys.stdin:
        takes = json.loads(line)
        request = takes["request"]
        if request == "prepare":
            contender = CONTENDERS[sys.argv[1]](takes["input"])
            versions = {"python": platform.python_version(), **contender.versions()}
            result = {"versions": versions}
        else:
            result = answer(contender, request, takes)
        answers.write(json.dumps(result) + "\n")
        answers.flush()


main()
