"""The sections that settings are divided into, each with what silence means."""

from typing import Final, Literal

import msgspec

from domain.attention import Attention
from domain.checkpoint import DEFAULT_CHECKPOINT
from domain.compilation import Compilation
from domain.heat import HeatLimits
from domain.watchdog import Budgets


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Unknown keys are an error, here and in every section."""


class Server(Section, frozen=True, kw_only=True):
    """Where the server listens, and how it stops.

    Attributes:
        allowed_hosts: Host headers to accept beside the loopback names.
        grace_s: seconds that a stopping server lets what runs reach the end of its step.
    """

    host: str = "127.0.0.1"
    port: int = 8022
    allowed_hosts: tuple[str, ...] = ()
    grace_s: float = 60.0


class Pipeline(Section, frozen=True, kw_only=True):
    """What makes the frames: Wan through diffusers, or a test card that needs no torch.

    Attributes:
        attention: the kernel that computes attention.
        compile: whether the transformers' blocks are compiled.
        card_step_s: seconds a step of the test card pretends to take.
    """

    backend: Literal["diffusers", "synthetic"] = "diffusers"
    attention: Attention = Attention.AUTO
    compile: Compilation = Compilation.OFF
    card_step_s: float = 0.0


class Resume(Section, frozen=True, kw_only=True):
    """When a run saves what it has. `interval`: every so many steps, or `auto`, by the time they take."""

    interval: Literal["auto"] | int = "auto"


class Previews(Section, frozen=True, kw_only=True):
    """`interval`: seconds from one preview of a running generation to the next, at least; or `off`."""

    interval: Literal["off"] | float = 1.0


class Database(Section, frozen=True, kw_only=True):
    """`url`: `sqlite+aiosqlite:///…`; empty means `jobs.db` in the data directory."""

    url: str = ""


class Models(Section, frozen=True, kw_only=True):
    """Where checkpoints lie, and how long one stays in memory.

    Attributes:
        dir: one folder per id; empty means `models` in the data directory.
        keep_alive_s: seconds that an idle worker keeps what it has loaded. A quarter of an hour: whoever
            looks at a video and asks for the next one finds it warm; whoever went away gets the memory back.
    """

    dir: str = ""
    keep_alive_s: Literal["forever"] | float = 900.0


class OpenAI(Section, frozen=True, kw_only=True):
    """`default_model`: the checkpoint that `/v1` means where none of ours is named."""

    default_model: str = DEFAULT_CHECKPOINT


class Hub(Section, frozen=True, kw_only=True):
    """`endpoint`: where checkpoints are pulled from; silence means what `HF_ENDPOINT` says, if anything."""

    endpoint: str = "https://huggingface.co"


class Disk(Section, frozen=True, kw_only=True):
    """Free MiB below which nothing is started (`soft_mib`), and nothing accepted (`hard_mib`).

    A run of the largest checkpoint writes two resume points of 84 MB and a video; the room between
    the marks holds several.
    """

    soft_mib: int = 2048
    hard_mib: int = 1024


class Outputs(Section, frozen=True, kw_only=True):
    """How long finished videos stay.

    Attributes:
        keep_days: so long after it was made, a video that is no favourite is deleted; `forever`: never.
        trash_days: so long after it was deleted, it is gone for good; 0: at once.
    """

    keep_days: Literal["forever"] | int = "forever"
    trash_days: int = 7


_BUDGETS: Final = Budgets()


class Watchdog(Section, frozen=True, kw_only=True):
    """Seconds without progress after which a worker is killed; see `domain.watchdog.Budgets`."""

    loading_s: float = _BUDGETS.loading_s
    encoding_prompt_s: float = _BUDGETS.encoding_prompt_s
    step_s: float = _BUDGETS.step_s
    decoding_s: float = _BUDGETS.decoding_s
    encoding_video_s: float = _BUDGETS.encoding_video_s
    run_s: float = _BUDGETS.run_s
    wait_s: float = _BUDGETS.wait_s


class Monitor(Section, frozen=True, kw_only=True):
    """`interval_s`: seconds from one look at the machine to the next."""

    interval_s: float = 5.0


class Thermal(Section, frozen=True, kw_only=True):
    """From where on an accelerator gets no job; see `domain.heat.HeatLimits`. `auto`: by its driver."""

    hold_c: Literal["auto", "never"] | int = "auto"
    cool_by_c: int = HeatLimits().cool_by_c


class Limits(Section, frozen=True, kw_only=True):
    """What is accepted, whoever asks; a key has limits of its own besides. 0 is no limit at all.

    Attributes:
        waiting: generations in line.
        streams: of events, open at once.
        job_cost: width x height x frames x steps; the default is 1280 x 720 x 121 x 100.
    """

    waiting: int = 1000
    streams: int = 256
    job_cost: int = 11_151_360_000


class Webhooks(Section, frozen=True, kw_only=True):
    """Who is told, over HTTP, when a generation is over; see `domain.webhook`.

    Attributes:
        url: told of every generation; empty for nobody.
        secret: `whsec_…`, which every message is signed with.
        allow: hosts that a generation's `webhook_url` may name, or `*`.
        private_hosts: hosts that may be at private addresses, and may be told without TLS.
    """

    url: str = ""
    secret: str = ""
    allow: tuple[str, ...] = ()
    private_hosts: tuple[str, ...] = ()


class Telemetry(Section, frozen=True, kw_only=True):
    """`endpoint`: where traces go, by OTLP over HTTP; silence means nowhere."""

    endpoint: str = ""


class Log(Section, frozen=True, kw_only=True):
    """One line per event, on standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["console", "json"] = "console"
