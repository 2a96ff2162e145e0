"""What a process needs to render: the pipeline the settings name, the encoder, and where files go."""

from dependency_injector import containers, providers

from adapters.pyav.video_encoder import PyAvVideoEncoder
from application.render_video import RenderVideo
from application.resume_points import KeepResumePoints
from bootstrap.core_container import CoreContainer
from bootstrap.settings import Settings
from domain.ports.video_pipeline import VideoPipeline
from domain.ports.weight_converter import WeightConverter


def _diffusers() -> VideoPipeline:
    from adapters.diffusers.video_pipeline import DiffusersVideoPipeline

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

    pipeline = providers.Selector(
        core.settings.provided.pipeline.backend,
        diffusers=providers.Singleton(_diffusers),
        synthetic=providers.Singleton(_synthetic, core.settings),
    )
    encoder = providers.Singleton(PyAvVideoEncoder)
    resume = providers.Factory(
        KeepResumePoints, core.resume_store, core.clock, core.settings.provided.resume.interval
    )
    render_video = providers.Factory(
        RenderVideo, core.catalog, pipeline, encoder, core.store, core.images, resume
    )


def render_container(core: CoreContainer) -> RenderContainer:
    """The container over the process's own core."""
    return RenderContainer(core=core)
