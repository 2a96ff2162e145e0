"""What a process needs to render: the pipeline the settings name, the encoder, and where files go."""

import logging
from collections.abc import Mapping

from dependency_injector import containers, providers

from adapters.filesystem.data_directory import DataDirectory
from adapters.hardware.energy_meter import NvmlEnergyMeter
from adapters.pillow.preview_file import encode_preview
from adapters.pyav.video_encoder import PyAvVideoEncoder
from application.measure_run import MeasureRun
from application.render_video import RenderVideo
from application.resume_points import KeepResumePoints
from bootstrap.core_container import CoreContainer
from bootstrap.setting_sections import Pipeline
from bootstrap.settings import Settings
from domain.attention import Attention
from domain.errors import DataDirectoryUnusable
from domain.ports.video_pipeline import VideoPipeline
from domain.ports.weight_converter import WeightConverter
from domain.previews import PreviewMaking

_log = logging.getLogger(__name__)


def _previews(settings: Settings) -> PreviewMaking | None:
    interval = settings.previews.interval
    if interval == "off":
        return None
    return PreviewMaking(encode=encode_preview, interval_s=interval)


def _diffusers(
    accelerator: str, directory: DataDirectory, previews: PreviewMaking | None, asked: Pipeline
) -> VideoPipeline:
    from adapters.diffusers.accelerator import insist_on
    from adapters.diffusers.prompt_cache import PromptCache
    from adapters.diffusers.video_pipeline import DiffusersVideoPipeline

    if accelerator:
        insist_on(accelerator)
    cache = None
    try:
        directory.prepare()
        cache = PromptCache(directory.prompts)
    except DataDirectoryUnusable as error:  # a video can be made without one
        _log.warning("prompts are not kept", extra={"reason": error.message})
    return DiffusersVideoPipeline(
        cache=cache, previews=previews, attention=asked.attention, compilation=asked.compile
    )


def _synthetic(settings: Settings, previews: PreviewMaking | None) -> VideoPipeline:
    from adapters.synthetic.video_pipeline import SyntheticVideoPipeline

    step_s = settings.pipeline.card_step_s
    return SyntheticVideoPipeline(seconds_per_step=step_s, previews=previews)


def load_libraries(backend: str) -> None:
    """Import what the pipeline of that name needs; no accelerator is touched."""
    if backend == "diffusers":
        import adapters.diffusers.accelerator
        import adapters.diffusers.prompt_cache
        import adapters.diffusers.video_pipeline
    else:
        import adapters.synthetic.video_pipeline  # noqa: F401


def can_fork(backend: str) -> bool:
    """Whether a pipeline can work in a process that is forked from this one."""
    if backend != "diffusers":
        return True
    from adapters.diffusers.accelerator import survives_forks

    return survives_forks()


def weight_converter() -> WeightConverter:
    """What converts weights; loads torch."""
    from adapters.diffusers.weight_converter import DiffusersWeightConverter

    return DiffusersWeightConverter()


def kernel_survey() -> Mapping[Attention, str | None]:
    """Which kernels for attention cannot be used here, and why; loads torch."""
    from adapters.diffusers.attention import survey

    return survey()


class RenderContainer(containers.DeclarativeContainer):
    """Imports the chosen pipeline when it is asked for, and never the other."""

    core = providers.DependenciesContainer()
    accelerator = providers.Dependency(instance_of=str)

    previews = providers.Singleton(_previews, core.settings)
    pipeline = providers.Selector(
        core.settings.provided.pipeline.backend,
        diffusers=providers.Singleton(
            _diffusers,
            accelerator,
            core.data_directory,
            previews,
            core.settings.provided.pipeline,
        ),
        synthetic=providers.Singleton(_synthetic, core.settings, previews),
    )
    encoder = providers.Singleton(PyAvVideoEncoder)
    resume = providers.Factory(
        KeepResumePoints, core.resume_store, core.clock, core.settings.provided.resume.interval
    )
    render_video = providers.Factory(
        RenderVideo,
        core.catalog,
        pipeline,
        encoder,
        core.store,
        core.images,
        resume,
        version=core.version,
        loras=core.loras,
    )
    measure_run = providers.Factory(
        MeasureRun,
        render_video,
        pipeline,
        core.memory_meter,
        providers.Singleton(NvmlEnergyMeter, accelerator),
        core.clock,
    )


def render_container(core: CoreContainer, accelerator: str = "") -> RenderContainer:
    """The container over the process's own core.

    Args:
        accelerator: the one that must be there; empty where any will do, or none.
    """
    return RenderContainer(core=core, accelerator=accelerator)
