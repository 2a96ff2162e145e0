"""Prompts to embeddings: what UMT5 makes of them, or made of them before."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from diffusers import WanPipeline
from diffusers.pipelines.wan.pipeline_wan import prompt_clean

from adapters.diffusers.parts import bring
from adapters.diffusers.prompt_cache import PromptCache
from adapters.diffusers.run_state import Identity
from domain.errors import PromptTooLong

#: Tokens that UMT5 is given; `max_sequence_length` of `WanPipeline.__call__`.
MAX_TOKENS: Final = 512
#: It is given whole multiples of so many: other numbers are multiplied in other orders.
_TOKENS_AT_ONCE: Final = 64


class Prompts:
    """A checkpoint's way from text to embeddings.

    The text encoder, the pipeline's own, is loaded when a text comes that the cache does not have, and
    stays.
    """

    def __init__(
        self,
        pipe: WanPipeline,
        *,
        load_encoder: Callable[[], None],
        cache: PromptCache | None = None,
        identity: Callable[[], Identity] = dict,
    ) -> None:
        """Takes where embeddings are kept, if anywhere.

        Args:
            load_encoder: makes the text encoder a part of the pipeline.
            identity: all that decides an embedding's bits now, beside the text.
        """
        self._pipe = pipe
        self._load_encoder = load_encoder
        self._cache = cache
        self._identity = identity
        #: Whether so many tokens, there, give the bits that `MAX_TOKENS` of them give.
        self._is_exact: dict[tuple[int, torch.device], bool] = {}

    def prepare(self, texts: Sequence[str]) -> None:
        """Load the text encoder, if `embed` will need it for any of `texts`."""
        if any(self._known(text) is None for text in texts):
            self._encoder()

    def embed(self, text: str, name: str) -> torch.Tensor:
        """The embedding of `text`, zeros after its end: (1, 512, text_dim).

        In the transformer's dtype and place; the same bits whether it was known or not.

        Raises:
            PromptTooLong: it has more tokens than fit; the stock pipeline would cut it off in silence.
        """
        real = self._known(text)
        if real is None:
            real = self._encode(text, name)
            if self._cache is not None:
                self._cache.keep(prompt_clean(text), self._told(), real)
        whole = real.new_zeros(1, MAX_TOKENS, real.shape[1])
        whole[0, : real.shape[0]] = real
        return whole.to(self._pipe.device, self._pipe.transformer.dtype)

    def _known(self, text: str) -> torch.Tensor | None:
        if self._cache is None:
            return None
        return self._cache.find(prompt_clean(text), self._told())

    def _told(self) -> Identity:
        return {"tokens": MAX_TOKENS, **self._identity()}

    def _encoder(self) -> Any:
        if self._pipe.text_encoder is None:
            self._load_encoder()
        return self._pipe.text_encoder

    @torch.no_grad()
    def _encode(self, text: str, name: str) -> torch.Tensor:
        """Of the real tokens alone, in the encoder's dtype: (tokens, text_dim)."""
        encoder = self._encoder()
        tokens = self._pipe.tokenizer(
            [prompt_clean(text)], padding="max_length", max_length=MAX_TOKENS, return_tensors="pt"
        )
        length = int(tokens.attention_mask.sum())
        if length > MAX_TOKENS:
            raise PromptTooLong(
                f"The {name} is {length} tokens long; the model reads {MAX_TOKENS}."
            )
        bring(self._pipe, encoder)
        ids, mask = tokens.input_ids.to(encoder.device), tokens.attention_mask.to(encoder.device)

        def embedded(given: int) -> torch.Tensor:
            embedding: torch.Tensor = encoder(ids[:, :given], mask[:, :given]).last_hidden_state
            return embedding.to(encoder.dtype)[0, :length]

        return self._with_few_tokens(embedded, length, encoder.device)

    def _with_few_tokens(
        self, embedded: Callable[[int], torch.Tensor], length: int, device: torch.device
    ) -> torch.Tensor:
        """`embedded(MAX_TOKENS)`, as the stock pipeline computes it, without the padding where that is possible.

        Padding is masked, so it only costs: most of the time for most texts. But a kernel may sum in another
        order for fewer rows; so the first text of each length is computed in both ways, and the
        short one is only taken from then on if their bits are the same.
        """
        few = -(-length // _TOKENS_AT_ONCE) * _TOKENS_AT_ONCE
        if self._is_exact.get((few, device)):
            return embedded(few)
        whole = embedded(MAX_TOKENS)
        if few < MAX_TOKENS and (few, device) not in self._is_exact:
            self._is_exact[few, device] = torch.equal(embedded(few), whole)
        return whole
