"""The tokenizer: one token per known word, everything else unknown."""

from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import NFKC, Lowercase, Replace, Sequence
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from training.captions import UNKNOWN, known_words

PAD_ID, EOS_ID, UNK_ID = 0, 1, 2
_PAD, _EOS = "<pad>", "</s>"


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Lower case, no punctuation, split at spaces, `</s>` at the end.

    `PreTrainedTokenizerFast` and not the T5 class: that one cannot load a word-level file.
    """
    words = [_PAD, _EOS, UNKNOWN, *known_words()]
    model = WordLevel({word: index for index, word in enumerate(words)}, unk_token=UNKNOWN)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = Sequence([NFKC(), Lowercase(), Replace(Regex(r"[^\w\s\[\]]"), " ")])
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.post_processor = TemplateProcessing(
        single=f"$A {_EOS}", special_tokens=[(_EOS, EOS_ID)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=_PAD,
        eos_token=_EOS,
        unk_token=UNKNOWN,
        model_max_length=512,
    )
