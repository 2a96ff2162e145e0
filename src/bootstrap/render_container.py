"""What a process needs to render: the pipeline the settings name, the encoder, and where files go."""

from dependency_injector import containers, providers

from adapters.pyav.video_encoder import PyAvVideoEncoder
from application.measure_run import MeasureRun
from application.render_video import RenderVideo
from application.resume_points import KeepResumePoints
from bootstrap.core_container import CoreContainer
from bootstrap.settings import Settings
from domain.ports.video_pipeline import VideoPipeline
from domain.ports.weight_converter import WeightConverter


def _diffusers(accelerator: str) -> VideoPipeline:
    from adapters.diffusers.accelerator import insist_on
    from adapters.diffusers.video_pipeline import DiffusersVideoPipeline

    if accelerator:
        insist_on(accelerator)
    return DiffusersVideoPipeline()


def _synthetic(settings: Settings) -> VideoPipeline:
    from adapters.synthetic.video_pipeline import SyntheticVideoPipeline

    return SyntheticVideoPipeline(seconds_per_step=settings.pipeline.card_step_s)


def weight_converter() -> WeightConverter:
    """What converts weights; loads torch."""
    from adapters.diffusers.weight_converter import DiffusersWeightConverter

    return DiffusersWeightConverter()


class RenderContainer(containers.DeclarativeContainer):
    """Imports the chosen pipeline when it is asked for, and never the other."""

    core = providers.DependenciesContainer()
    accelerator = providers.Dependency(instance_of=str)

    pipeline = providers.Selector(
        core.settings.provided.pipeline.backend,
        diffusers=providers.Singleton(_diffusers, accelerator),
        synthetic=providers.Singleton(_synthetic, core.settings),
    )
    encoder = providers.Singleton(PyAvVideoEncoder)
    resume = providers.Factory(
        KeepResumePoints, core.resume_store, core.clock, core.settings.provided.resume.interval
    )
    render_video = providers.Factory(
        RenderVideo, core.catalog, pipeline, encoder, core.store, core.images, resume
    )
    measure_run = providers.Factory(
        MeasureRun, render_video, pipeline, core.memory_meter, core.clock
    )


def render_container(core: CoreContainer, accelerator: str = "") -> RenderContainer:
    """The container over the process's own core.

    Args:
        accelerator: the one that must be there; empty where any will do, or none.
    """
    return RenderContainer(core=core, accelerator=accelerator)
