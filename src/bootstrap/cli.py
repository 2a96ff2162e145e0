"""The program `wan`: hands the commands what they do."""

import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from dependency_injector import providers

from adapters.cli.app import build_app, run
from adapters.cli.backup import Backup
from adapters.cli.doctor import Check
from adapters.cli.models import Models
from adapters.cli.output import unwritable
from adapters.filesystem.artifact_store import FilesystemArtifactStore
from adapters.filesystem.image_store import FilesystemImageStore
from adapters.filesystem.resume_store import FilesystemResumeStore
from application.estimate_generation import Estimate, Imagined
from application.generate_once import GenerateOnce
from application.manage_keys import ManageKeys
from application.reproduce_video import ReproduceVideo
from bootstrap.core_container import CoreContainer
from bootstrap.logging import configure_logging
from bootstrap.places import capacity_in, own_place
from bootstrap.process_environment import prepare_for_torch
from bootstrap.settings import Settings, api_key, load_settings, url_host
from domain.attention import Attention
from domain.audit import Finding
from domain.hardware import Capacity
from domain.ports.lora_catalog import LoraCatalog

if TYPE_CHECKING:
    from adapters.cli.service import Service
    from bootstrap.render_container import RenderContainer
    from domain.ports.weight_converter import WeightConverter


def main() -> None:
    """Entry point of the console script."""
    # As Ctrl-C: whatever was begun is cleared away. The server has its own way to stop.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    sys.exit(run(build_app(Commands())))


class Commands:
    """Each imports what it needs when it is called, so that `wan --help` stays instant."""

    def serve(self, config: Path | None, overrides: Mapping[str, Any]) -> None:
        from bootstrap.server import serve

        serve(load_settings(config=config, overrides=overrides))

    @contextmanager
    def generator(
        self, config: Path | None, overrides: Mapping[str, Any], output: Path
    ) -> Iterator[GenerateOnce]:
        from bootstrap.render_container import render_container

        settings = load_settings(
            config=config,
            overrides={**overrides, "previews.interval": "off"},  # nobody would see them
            defaults={"log.level": "WARNING"},
        )
        configure_logging(settings.log, process="wan")
        prepare_for_torch()
        with _folder_beside(output) as folder:
            core = _core_in(folder, settings)
            yield _once(core, render_container(core))

    @contextmanager
    def reproducer(
        self, config: Path | None, overrides: Mapping[str, Any], output: Path | None
    ) -> Iterator[ReproduceVideo]:
        from bootstrap.render_container import render_container

        settings = load_settings(
            config=config,
            overrides={**overrides, "previews.interval": "off"},  # nor here
            defaults={"log.level": "WARNING"},
        )
        configure_logging(settings.log, process="wan")
        prepare_for_torch()
        with _folder_beside(output) as folder:
            published = CoreContainer(settings=settings).store()
            core = _core_in(folder, settings)
            rendering = render_container(core)
            yield ReproduceVideo(
                _once(core, rendering),
                core.catalog(),
                rendering.encoder(),
                published,
                version=core.version(),
            )

    def models(self, config: Path | None, overrides: Mapping[str, Any]) -> Models:
        settings = load_settings(
            config=config, overrides=overrides, defaults={"log.level": "WARNING"}
        )
        configure_logging(settings.log, process="wan")
        core = CoreContainer(settings=settings)
        core.checkpoint_store().drop_leftovers()
        # Any: the container makes each by a provider of its own, whose types the injector hides.
        container: Any = core
        container.weight_converter.override(providers.Singleton(_weight_converter))
        return cast(Models, container)

    def loras(self, config: Path | None, overrides: Mapping[str, Any]) -> LoraCatalog:
        return CoreContainer(settings=load_settings(config=config, overrides=overrides)).loras()

    def estimator(
        self, config: Path | None, overrides: Mapping[str, Any]
    ) -> Callable[[Imagined], Estimate]:
        from bootstrap.plan import estimator

        return estimator(load_settings(config=config, overrides=overrides))

    def connect(self, config: Path | None, port: int | None) -> "Service":
        from adapters.cli.service import Service

        server = load_settings(config=config, overrides={"server.port": port}).server
        return Service(f"http://{url_host(server.host)}:{server.port}", api_key())

    def keys(self, config: Path | None, overrides: Mapping[str, Any]) -> ManageKeys:
        settings = load_settings(config=config, overrides=overrides)
        return CoreContainer(settings=settings).manage_keys()

    def audit(
        self, config: Path | None, overrides: Mapping[str, Any]
    ) -> tuple[Sequence[Finding], int]:
        from bootstrap.audit import audit

        settings = load_settings(config=config, overrides=overrides)
        return asyncio.run(audit(settings))

    def backup(self, config: Path | None, overrides: Mapping[str, Any], target: Path) -> Backup:
        from bootstrap.backup import back_up

        return back_up(load_settings(config=config, overrides=overrides), target.absolute())

    def doctor(self, config: Path | None, overrides: Mapping[str, Any]) -> Iterable[Check]:
        from bootstrap.doctor import examine

        return examine(load_settings(config=config, overrides=overrides), _kernel_survey)


def _weight_converter() -> "WeightConverter":
    from bootstrap.render_container import weight_converter

    return weight_converter()


def _kernel_survey() -> Mapping[Attention, str | None]:
    from bootstrap.render_container import kernel_survey

    return kernel_survey()


def _core_in(folder: Path, settings: Settings) -> CoreContainer:
    """What is made lies in `folder`; pictures and videos of the data directory can be named, too."""
    core = CoreContainer(settings=settings)
    inputs = core.data_directory().inputs
    core.store.override(providers.Object(FilesystemArtifactStore(staging=folder, outputs=folder)))
    core.images.override(providers.Object(FilesystemImageStore(folder, inputs)))
    core.resume_store.override(providers.Object(FilesystemResumeStore(folder)))
    return core


def _once(core: CoreContainer, rendering: "RenderContainer") -> GenerateOnce:
    return GenerateOnce(
        core.complete_draft(),
        core.upload_image(),
        core.upload_video(),
        rendering.render_video,
        core.store(),
        lambda: _own_capacity(core),
    )


def _own_capacity(core: CoreContainer) -> Capacity:
    """What a video may use that is made in this process, and alone."""
    seen = core.hardware().read()
    return capacity_in([own_place(seen)], lambda: seen)()


@contextmanager
def _folder_beside(output: Path | None) -> Iterator[Path]:
    """A private folder on the output's own file system, so that the last move is one rename.

    Raises:
        InvalidRequest: none can be made there.
    """
    parent = None if output is None else output.absolute().parent
    try:
        folder = Path(tempfile.mkdtemp(prefix=".wan-", dir=parent))
    except OSError as error:
        named = output or Path(tempfile.gettempdir())
        raise unwritable(named, error.strerror or str(error)) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
