"""What a process needs to render: the pipeline the settings name, the encoder, and where files go."""

from dependency_injector import containers, providers

from adapters.pyav.video_encoder import PyAvVideoEncoder
from application.render_video import RenderVideo
from application.resume_points import KeepResumePoints
from bootstrap.core_container import CoreContainer
from domain.ports.video_pipeline import VideoPipeline


def _diffusers() -> VideoPipeline:
    from adapters.diffusers.video_pipeline import DiffusersVideoPipeline

    return DiffusersVideoPipeline()


def _synthetic() -> VideoPipeline:
    from adapters.synthetic.video_pipeline import SyntheticVideoPipeline

    return SyntheticVideoPipeline()


class RenderContainer(containers.DeclarativeContainer):
    """Imports the chosen pipeline when it is asked for, and never the other."""

    core = providers.DependenciesContainer()

    pipeline = providers.Selector(
        core.settings.provided.pipeline.backend,
        diffusers=providers.Singleton(_diffusers),
        synthetic=providers.Singleton(_synthetic),
    )
    encoder = providers.Singleton(PyAvVideoEncoder)
    resume = providers.Factory(
        KeepResumePoints, core.resume_store, core.clock, core.settings.provided.resume.interval
    )
    render_video = providers.Factory(
        RenderVideo, core.catalog, pipeline, encoder, core.store, resume
    )


def render_container(core: CoreContainer) -> RenderContainer:
    """The container over the process's own core."""
    return RenderContainer(core=core)
