"""What of a GGUF file's tensors stays quantised, by its header."""

import re
from collections import Counter
from math import prod
from typing import Final

from adapters.filesystem.weights_header import WeightsHeader
from domain.found_weights import COMFYUI_PREFIX
from domain.quantised_weights import QuantisedWeights, Share, stays_quantised

_BLOCK: Final = re.compile(r"blocks\.(\d+)\.")


def read_quantised(header: WeightsHeader) -> QuantisedWeights | None:
    """What stays quantised; None where nothing does."""
    outside, blocks = Share(), dict[int, Share]()
    types: Counter[str] = Counter()
    largest = 0
    for prefixed, tensor in header.entries.items():
        name = prefixed.removeprefix(COMFYUI_PREFIX)
        if not stays_quantised(name, len(tensor.shape), tensor.dtype):
            continue
        share = Share(numbers=prod(tensor.shape), size_bytes=tensor.end - tensor.start)
        if match := _BLOCK.match(name):
            blocks[int(match[1])] = blocks.get(int(match[1]), Share()) + share
        else:
            outside += share
        types[tensor.dtype] += share.size_bytes
        largest = max(largest, share.numbers)
    if not types:
        return None
    return QuantisedWeights(
        types=tuple(kind for kind, _ in types.most_common()),
        blocks=tuple(share for _, share in sorted(blocks.items(), key=lambda item: item[0])),
        outside=outside,
        largest=largest,
    )
