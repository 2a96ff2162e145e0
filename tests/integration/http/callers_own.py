"""Over fakes, the use cases that each caller has of its own."""

from dataclasses import dataclass, field

from application.browse_library import BrowseLibrary
from application.cancel_generation import CancelGeneration
from application.delete_generation import DeleteGeneration
from application.derive_generation import DeriveGeneration
from application.discard_generation import DiscardGeneration
from application.disk_gate import DiskGate
from application.dispatch_jobs import DispatchJobs
from application.judge_output import JudgeOutput
from application.own_uploads import OwnUploads
from application.plan_generation import PlanGeneration
from application.queries import Queries
from application.retry_generation import RetryGeneration
from application.run_generation import RunGeneration
from application.submit_generation import Limits, SubmitGeneration
from application.tidy_library import TidyLibrary
from application.upload_image import UploadImage
from application.upload_video import UploadVideo
from domain.access import Caller
from tests.fakes.artifact_store import FakeArtifactStore
from tests.fakes.clip_reader import FakeClipReader
from tests.fakes.clock import FakeClock
from tests.fakes.image_reader import FakeImageReader
from tests.fakes.image_store import FakeImageStore
from tests.fakes.jobs import InMemoryJobs
from tests.fakes.resume_store import FakeResumeStore
from tests.fakes.upload_owners import FakeUploadOwners

#: The dependencies of routes that are made so: the names of the methods below.
NAMES = (
    "browse", "cancel", "deleting", "derive", "discard", "judge", "queries", "retry", "submit",
    "upload", "upload_video",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class CallersOwn:
    """Each method makes what its dependency is for one caller."""

    jobs: InMemoryJobs
    store: FakeArtifactStore
    images: FakeImageStore
    plan: PlanGeneration
    gate: DiskGate
    dispatch: DispatchJobs
    lane: RunGeneration
    tidy: TidyLibrary
    clock: FakeClock
    limits: Limits
    owners: FakeUploadOwners = field(default_factory=FakeUploadOwners)
    resume_store: FakeResumeStore = field(default_factory=FakeResumeStore)

    def browse(self, caller: Caller) -> BrowseLibrary:
        return BrowseLibrary(self.jobs.library, self.store, caller=caller)

    def cancel(self, caller: Caller) -> CancelGeneration:
        return CancelGeneration(
            self.jobs.repository, [self.lane], self.resume_store, self.clock, caller=caller
        )

    def deleting(self, caller: Caller) -> DeleteGeneration:
        return DeleteGeneration(self.jobs.library, self.tidy, self.clock, caller=caller)

    def derive(self, caller: Caller) -> DeriveGeneration:
        return DeriveGeneration(
            self.browse(caller), self.upload(caller), self.upload_video(caller), self.images
        )

    def discard(self, caller: Caller) -> DiscardGeneration:
        # Nothing runs here, so nothing ends by itself.
        parts = (self.queries(caller), self.cancel(caller), self.deleting(caller))
        return DiscardGeneration(*parts, patience_s=0.01)

    def judge(self, caller: Caller) -> JudgeOutput:
        return JudgeOutput(self.jobs.library, caller=caller)

    def queries(self, caller: Caller) -> Queries:
        ports = (self.jobs.repository, self.jobs.queue, self.jobs.event_log)
        return Queries(*ports, self.dispatch, self.gate, caller=caller)

    def retry(self, caller: Caller) -> RetryGeneration:
        return RetryGeneration(
            self.jobs.repository, self.gate, self.clock, caller=caller, waiting=self.limits.waiting
        )

    def submit(self, caller: Caller) -> SubmitGeneration:
        return SubmitGeneration(
            self.plan,
            self.jobs.repository,
            self.gate,
            self.dispatch,
            self.clock,
            caller=caller,
            uploads=OwnUploads(self.owners, caller),
            limits=self.limits,
        )

    def upload(self, caller: Caller) -> UploadImage:
        uploads = OwnUploads(self.owners, caller)
        return UploadImage(FakeImageReader(), self.images, self.gate, uploads=uploads)

    def upload_video(self, caller: Caller) -> UploadVideo:
        uploads = OwnUploads(self.owners, caller)
        return UploadVideo(FakeClipReader(), self.images, self.gate, uploads=uploads)
