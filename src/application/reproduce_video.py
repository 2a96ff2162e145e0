"""Make a video again by the recipe that lies in it, and say whether it is the same."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from application.generate_once import GenerateOnce
from domain.clip import is_video
from domain.errors import EncodingFailed, InvalidRequest, NotReproducible, OutputMissing
from domain.generation import GenerationDraft, GenerationRequest
from domain.inputs import Given, told_of_no_upload
from domain.memory_plan import MemoryPlan
from domain.ports.artifact_store import ArtifactStore
from domain.ports.checkpoint_catalog import CheckpointCatalog
from domain.ports.video_encoder import Footage, VideoEncoder
from domain.recipe import Recipe, differences
from domain.rendering import Report
from domain.video import VideoFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """The video that is to be made again. `sha256`: of the whole file."""

    path: Path
    sha256: str
    footage: Footage


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """What came of it.

    Attributes:
        is_equal: whether the files are, byte for byte.
        has_equal_pictures: whether the encoded pictures are, whatever is told beside them.
    """

    video: VideoFile
    path: Path
    is_equal: bool
    has_equal_pictures: bool


class ReproduceVideo:
    """Follows a recipe with what is here. Blocks."""

    def __init__(
        self,
        once: GenerateOnce,
        catalog: CheckpointCatalog,
        encoder: VideoEncoder,
        published: ArtifactStore,
        *,
        version: str,
    ) -> None:
        """Takes the store whose videos can be named by their generations' ids."""
        self._once = once
        self._catalog = catalog
        self._encoder = encoder
        self._published = published
        self._version = version

    def look(self, source: str) -> Original:
        """The file at that path, or the video of the generation with that id.

        Raises:
            NotReproducible: there is neither, or it is no whole video.
        """
        path = Path(source)
        if not path.is_file():
            try:
                path = self._published.locate(source)
            except OutputMissing as error:
                raise NotReproducible(
                    f"There is no file {source}, nor a generation of that id that has a video here."
                ) from error
        try:
            footage = self._encoder.probe(path)
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except EncodingFailed as error:
            raise NotReproducible(f"{path} is no whole video.") from error
        except OSError as error:
            raise NotReproducible(f"{path} cannot be read: {error.strerror}.") from error
        return Original(path=path, sha256=sha256, footage=footage)

    def differences(self, recipe: Recipe) -> Sequence[str]:
        """Why another video may come of it here, in sentences; none where nothing speaks for it.

        Raises:
            UnknownCheckpoint, CheckpointUnavailable: its weights are not here.
        """
        checkpoint = self._catalog.find(recipe.request.checkpoint)
        return differences(recipe, version=self._version, weights=checkpoint.weights)

    def plan(self, recipe: Recipe, given: Sequence[bytes] = ()) -> MemoryPlan:
        """Where its parts will lie.

        Args:
            given: files of the pictures and videos that it names, in any order; those that lie in
                the data directory need not be.

        Raises:
            NotReproducible: a picture, a video or a LoRA that it names is not here.
            ImageUnusable, VideoUnusable: what is given is none.
            CheckpointUnavailable, DoesNotFit: not on this machine.
        """
        for data in given:
            self._once.keep(data, is_clip=is_video(data))
        try:
            request, plan = self._once.complete(GenerationDraft.of(recipe.request))
        except InvalidRequest as error:
            raise NotReproducible(_why(error, recipe.request)) from error
        if request != recipe.request:
            raise NotReproducible("The recipe is not one that this version would have written.")
        return plan

    def execute(
        self, original: Original, recipe: Recipe, plan: MemoryPlan, report: Report
    ) -> Reproduction:
        """Make it.

        Raises:
            RenderError, StorageError: it could not be made.
        """
        made = self._once.execute(recipe.request, plan, report, rung=recipe.memory_rung)
        pictures = self._encoder.probe(made.path).pictures_sha256
        return Reproduction(
            video=made.video,
            path=made.path,
            is_equal=made.video.sha256 == original.sha256,
            has_equal_pictures=pictures == original.footage.pictures_sha256,
        )


def _why(error: InvalidRequest, request: GenerationRequest) -> str:
    """Why a recipe cannot be followed; of what it was made from, how that is given again."""
    named = [getattr(request, field.name) for field in fields(Given)]
    ids = [one for it in named for one in (it if isinstance(it, tuple) else (it,)) if one]
    of_uploads = {told_of_no_upload(kind, one) for kind in ("image", "video") for one in ids}
    lacking = [
        violation.pointer.strip("/")
        for violation in error.violations
        if violation.reason in of_uploads
    ]
    if not lacking:
        return f"The recipe cannot be followed here: {error.message.removesuffix('.')}."
    return (
        f"What the video was made from is not here ({', '.join(lacking)}): name the data directory that has it "
        "(--data-dir), or give the file again (--given FILE)."
    )
