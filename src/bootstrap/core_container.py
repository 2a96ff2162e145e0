"""What every process has: settings, time, the machine, and the folders."""

from pathlib import Path

from dependency_injector import containers, providers

import adapters.embedded
from adapters.filesystem.artifact_store import FilesystemArtifactStore
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog
from adapters.filesystem.data_directory import DataDirectory
from adapters.filesystem.image_store import FilesystemImageStore
from adapters.filesystem.resume_store import FilesystemResumeStore
from adapters.hardware.probe import NvmlHardwareProbe
from adapters.pillow.image_reader import PillowImageReader
from adapters.pyav.clip_reader import PyAvClipReader
from adapters.system.clock import SystemClock
from application.complete_draft import CompleteDraft
from application.upload_image import UploadImage
from application.upload_video import UploadVideo
from bootstrap.settings import Settings


class CoreContainer(containers.DeclarativeContainer):
    """Light: nothing here reaches torch."""

    settings = providers.Dependency(instance_of=Settings)

    clock = providers.Singleton(SystemClock)
    data_directory = providers.Singleton(
        DataDirectory, providers.Factory(Path, settings.provided.data_dir)
    )
    hardware = providers.Singleton(NvmlHardwareProbe, data_directory.provided.root)
    catalog = providers.Singleton(
        FilesystemCheckpointCatalog,
        providers.List(
            settings.provided.models_dir,
            providers.Object(Path(adapters.embedded.__path__[0])),
        ),
    )
    store = providers.Singleton(
        FilesystemArtifactStore,
        staging=data_directory.provided.staging,
        outputs=data_directory.provided.outputs,
    )
    images = providers.Singleton(FilesystemImageStore, data_directory.provided.inputs)
    resume_store = providers.Singleton(FilesystemResumeStore, data_directory.provided.resume)
    complete_draft = providers.Factory(CompleteDraft, catalog, images)
    upload_image = providers.Factory(UploadImage, providers.Factory(PillowImageReader), images)
    upload_video = providers.Factory(UploadVideo, providers.Factory(PyAvClipReader), images)
