"""What every process has: settings, time, the machine, and the folders."""

import importlib.metadata
from pathlib import Path

from dependency_injector import containers, providers

import adapters.embedded
from adapters.filesystem.artifact_store import FilesystemArtifactStore
from adapters.filesystem.checkpoint_catalog import FilesystemCheckpointCatalog
from adapters.filesystem.checkpoint_store import FilesystemCheckpointStore
from adapters.filesystem.data_directory import DataDirectory
from adapters.filesystem.excerpt_store import FilesystemExcerptStore
from adapters.filesystem.image_store import FilesystemImageStore
from adapters.filesystem.key_store import FilesystemKeyStore
from adapters.filesystem.lora_catalog import FilesystemLoraCatalog
from adapters.filesystem.resume_store import FilesystemResumeStore
from adapters.filesystem.upload_owners import FilesystemUploadOwners
from adapters.filesystem.weight_reader import FilesystemWeightReader
from adapters.hardware.memory_meter import ProcMemoryMeter
from adapters.hardware.probe import NvmlHardwareProbe
from adapters.pillow.image_reader import PillowImageReader
from adapters.pyav.clip_reader import PyAvClipReader
from adapters.pyav.excerpt_maker import PyAvExcerptMaker
from adapters.system.clock import SystemClock
from application.adopt_checkpoint import AdoptCheckpoint
from application.assemble_checkpoint import AssembleCheckpoint
from application.complete_draft import CompleteDraft
from application.fetch_files import FetchFiles
from application.list_checkpoints import ListCheckpoints
from application.manage_keys import ManageKeys
from application.pull_checkpoint import PullCheckpoint
from application.recast_checkpoint import RecastCheckpoint
from application.remove_checkpoint import RemoveCheckpoint
from application.repair_checkpoint import RepairCheckpoint
from application.upload_image import UploadImage
from application.upload_video import UploadVideo
from application.verify_checkpoint import VerifyCheckpoint
from bootstrap.settings import Settings
from domain.ports.model_hub import ModelHub
from domain.ports.weight_converter import WeightConverter


def _model_hub(settings: Settings) -> ModelHub:
    # Imported only here: it takes a fifth of a second, and few processes fetch anything.
    from adapters.huggingface.model_hub import HuggingFaceHub

    return HuggingFaceHub(settings.hub.endpoint)


def _reserve_bytes(settings: Settings) -> int:
    return settings.disk.soft_mib * 2**20


def _fetch_files(settings: Settings, hub: ModelHub) -> FetchFiles:
    return FetchFiles(hub, reserve_bytes=_reserve_bytes(settings))


class CoreContainer(containers.DeclarativeContainer):
    """Light: nothing here reaches torch."""

    settings = providers.Dependency(instance_of=Settings)

    version = providers.Callable(importlib.metadata.version, "wan-studio")
    clock = providers.Singleton(SystemClock)
    data_directory = providers.Singleton(
        DataDirectory, providers.Factory(Path, settings.provided.data_dir)
    )
    hardware = providers.Singleton(NvmlHardwareProbe, data_directory.provided.root)
    memory_meter = providers.Singleton(ProcMemoryMeter)
    catalog = providers.Singleton(
        FilesystemCheckpointCatalog,
        providers.List(
            settings.provided.models_dir,
            providers.Object(Path(adapters.embedded.__path__[0])),
        ),
        glance_s=0.2,
    )
    checkpoint_store = providers.Singleton(
        FilesystemCheckpointStore,
        settings.provided.models_dir,
        providers.Object(Path(adapters.embedded.__path__[0])),
        data_directory.provided.prepare,
    )
    model_hub = providers.Singleton(_model_hub, settings)
    fetch_files = providers.Factory(_fetch_files, settings, model_hub)
    pull_checkpoint = providers.Factory(PullCheckpoint, checkpoint_store, model_hub, fetch_files)
    repair_checkpoint = providers.Factory(RepairCheckpoint, checkpoint_store, fetch_files)
    weight_reader = providers.Singleton(FilesystemWeightReader)
    adopt_checkpoint = providers.Factory(AdoptCheckpoint, checkpoint_store, weight_reader)
    #: Needs torch: who may load that says where it is.
    weight_converter: providers.Dependency[WeightConverter] = providers.Dependency()
    assemble_checkpoint = providers.Factory(
        AssembleCheckpoint,
        checkpoint_store,
        weight_reader,
        weight_converter,
        model_hub,
        fetch_files,
    )
    recast_checkpoint = providers.Factory(
        RecastCheckpoint,
        checkpoint_store,
        catalog,
        weight_reader,
        weight_converter,
        reserve_bytes=providers.Callable(_reserve_bytes, settings),
    )
    list_checkpoints = providers.Factory(ListCheckpoints, catalog, checkpoint_store)
    verify_checkpoint = providers.Factory(VerifyCheckpoint, checkpoint_store, catalog)
    remove_checkpoint = providers.Factory(RemoveCheckpoint, checkpoint_store)
    store = providers.Singleton(
        FilesystemArtifactStore,
        staging=data_directory.provided.staging,
        outputs=data_directory.provided.outputs,
    )
    keys = providers.Singleton(
        FilesystemKeyStore, data_directory.provided.keys, data_directory.provided.prepare
    )
    manage_keys = providers.Factory(ManageKeys, keys, clock)
    excerpt_maker = providers.Singleton(PyAvExcerptMaker)
    excerpt_store = providers.Singleton(FilesystemExcerptStore, data_directory.provided.excerpts)
    images = providers.Singleton(FilesystemImageStore, data_directory.provided.inputs)
    upload_owners = providers.Singleton(FilesystemUploadOwners, data_directory.provided.inputs)
    loras = providers.Singleton(FilesystemLoraCatalog, data_directory.provided.loras)
    resume_store = providers.Singleton(FilesystemResumeStore, data_directory.provided.resume)
    complete_draft = providers.Factory(CompleteDraft, catalog, images, loras=loras)
    image_reader = providers.Factory(PillowImageReader)
    clip_reader = providers.Factory(PyAvClipReader)
    upload_image = providers.Factory(UploadImage, image_reader, images)
    upload_video = providers.Factory(UploadVideo, clip_reader, images)
