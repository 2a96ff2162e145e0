"""Everything a server is made of, and how it hangs together."""

import sys
from collections.abc import Mapping, Sequence
from functools import partial

import msgspec
from dependency_injector import containers, providers

from adapters.http.doorkeeper import Doorkeeper
from adapters.http.request_log import Answered, OnAnswer, request_span
from adapters.inprocess.renderer import InProcessRenderer
from adapters.prometheus.exposition import Exposition
from adapters.sql.database import Database
from adapters.sql.event_log import SqlEventLog
from adapters.sql.job_queue import SqlJobQueue
from adapters.sql.job_repository import SqlJobRepository
from adapters.sql.library import SqlLibrary
from adapters.sql.queue_gauge import SqlQueueGauge
from adapters.sql.run_history import SqlRunHistory
from adapters.sql.webhook_outbox import SqlWebhookOutbox
from adapters.subprocess.fork_server import ForkServer
from adapters.subprocess.renderer import SubprocessRenderer
from adapters.webhooks.sender import HttpWebhookSender
from application.browse_library import BrowseLibrary
from application.cancel_generation import CancelGeneration
from application.delete_generation import DeleteGeneration
from application.deliver_webhooks import DeliverWebhooks
from application.derive_generation import DeriveGeneration
from application.discard_generation import DiscardGeneration
from application.disk_gate import DiskGate
from application.dispatch_jobs import DispatchJobs
from application.estimate_generation import EstimateGeneration
from application.follow_log import FollowLog
from application.judge_output import JudgeOutput
from application.known_overflows import KnownOverflows
from application.measure_jobs import MeasureJobs
from application.own_uploads import OwnUploads
from application.plan_generation import PlanGeneration
from application.queries import Queries
from application.recent_runs import RecentRuns
from application.recognise_caller import RecogniseCaller
from application.recover_jobs import RecoverJobs
from application.relieve_memory import RelieveMemory
from application.retry_generation import RetryGeneration
from application.run_generation import RunGeneration
from application.steer_queue import SteerQueue
from application.submit_generation import Limits, SubmitGeneration
from application.take_excerpts import TakeExcerpts
from application.tell_service_state import TellServiceState
from application.tidy_library import TidyLibrary
from application.trace_jobs import TraceJobs
from application.upload_image import UploadImage
from application.upload_video import UploadVideo
from application.watch_machine import WatchMachine
from application.work_on_checkpoints import WorkOnCheckpoints
from bootstrap import setting_sections
from bootstrap.core_container import CoreContainer
from bootstrap.places import Place, capacity_in, find_places, sharing
from bootstrap.process_environment import prepare_for_torch, worker_environment
from bootstrap.setting_sources import SettingsError
from bootstrap.settings import Settings
from domain.checkpoint import MINIATURES
from domain.heat import Heat
from domain.ports.artifact_store import ArtifactStore
from domain.ports.clock import Clock
from domain.ports.hardware_probe import HardwareProbe
from domain.ports.job_repository import JobRepository
from domain.ports.key_store import KeyStore
from domain.ports.renderer import Renderer
from domain.ports.resume_store import ResumeStore
from domain.ports.span_exporter import SpanExporter
from domain.ports.webhook_outbox import WebhookOutbox
from domain.slot import Slot
from domain.webhook import secret_bytes


def _heats(settings: Settings, places: Sequence[Place]) -> Mapping[int, Heat]:
    """By its index, each accelerator that somebody works on, where any is ever held."""
    if (limits := settings.heat_limits) is None:
        return {}
    return {index: Heat(index, limits) for place in places if (index := place.index) is not None}


def _fork_server(settings: Settings, places: Sequence[Place]) -> ForkServer | None:
    """What all workers are forked from; None where the server renders itself."""
    if settings.renderer == "inprocess":
        return None
    # Where a worker differs from the first, the fork is told.
    return ForkServer(
        (sys.executable, "-m", "bootstrap.fork_server", _told_workers(settings)),
        environment=worker_environment(places[0].named, workers=sharing(places)),
    )


def _told_workers(settings: Settings) -> str:
    """The settings as JSON: no database, as a worker never opens it.

    Nor webhooks and telemetry: everybody on this machine could read their secrets off its command line.
    """
    told = msgspec.structs.replace(
        settings,
        database=setting_sections.Database(),
        telemetry=setting_sections.Telemetry(),
        webhooks=setting_sections.Webhooks(),
    )
    return msgspec.json.encode(told).decode()


def _renderers(
    settings: Settings,
    places: Sequence[Place],
    core: CoreContainer,
    fork_server: ForkServer | None,
) -> Sequence[Renderer]:
    if fork_server is None:
        # Imported only here: whoever asks for it wants the pipeline in the server's own process.
        from bootstrap.render_container import render_container

        prepare_for_torch()
        rendering = render_container(core)
        return [InProcessRenderer(rendering.measure_run().execute, rendering.pipeline().close)]
    command = (sys.executable, "-m", "bootstrap.worker", _told_workers(settings))
    return [
        SubprocessRenderer(
            (*command, str(slot), place.insisted),
            environment=worker_environment(place.named, workers=sharing(places)),
            fork=partial(fork_server.fork, (str(slot), place.insisted, place.named or "")),
        )
        for slot, place in enumerate(places)
    ]


def _lanes(
    settings: Settings,
    slots: Sequence[Slot],
    repository: JobRepository,
    renderers: Sequence[Renderer],
    store: ArtifactStore,
    resume_store: ResumeStore,
    clock: Clock,
    relieve: RelieveMemory,
) -> Sequence[RunGeneration]:
    return [
        RunGeneration(
            slot,
            repository,
            renderer,
            store,
            resume_store,
            clock,
            settings.budgets,
            keep_alive_s=settings.keep_alive_s,
            relieve=relieve.execute,
        )
        for slot, renderer in zip(slots, renderers, strict=True)
    ]


def _slots(places: Sequence[Place], heats: Mapping[int, Heat]) -> Sequence[Slot]:
    return [
        Slot(
            number,
            None if place.index is None else heats.get(place.index),
            spare_for=MINIATURES if place.is_spare else None,
        )
        for number, place in enumerate(places)
    ]


def _watch(
    settings: Settings, hardware: HardwareProbe, clock: Clock, heats: Mapping[int, Heat]
) -> WatchMachine:
    return WatchMachine(hardware, clock, settings.monitor.interval_s, [*heats.values()])


def _gate(settings: Settings, hardware: HardwareProbe) -> DiskGate:
    disk = settings.disk
    return DiskGate(hardware, soft_bytes=disk.soft_mib * 2**20, hard_bytes=disk.hard_mib * 2**20)


def _limits(settings: Settings) -> Limits:
    limits = settings.limits
    return Limits(
        waiting=limits.waiting or None,
        job_cost=limits.job_cost or None,
        webhooks=settings.webhook_rules,
    )


def _doorkeeper(settings: Settings, keys: KeyStore, clock: Clock) -> Doorkeeper:
    recognise = RecogniseCaller(keys, always_asks=not settings.is_loopback)
    return Doorkeeper(recognise, clock, max_streams=settings.limits.streams or sys.maxsize)


def _deliver_webhooks(
    settings: Settings,
    outbox: WebhookOutbox,
    repository: JobRepository,
    exposition: Exposition,
    clock: Clock,
) -> DeliverWebhooks | None:
    """None where no webhook is ever sent."""
    if not settings.webhooks.secret:
        return None
    return DeliverWebhooks(
        outbox,
        repository,
        HttpWebhookSender(settings.webhook_rules, secret_bytes(settings.webhooks.secret)),
        clock,
        rules=settings.webhook_rules,
        server_url=settings.webhooks.url or None,
        on_end=exposition.webhook,
    )


def _span_exporter(settings: Settings, version: str) -> SpanExporter | None:
    """None where no trace is exported.

    Raises:
        SettingsError: one is to be, and OpenTelemetry is not there.
    """
    endpoint = settings.telemetry.endpoint
    if not endpoint:
        return None
    try:  # nobody else loads it: a tenth of a second and 10 MB
        from adapters.opentelemetry.span_exporter import OtelSpanExporter
    except ImportError as error:
        raise SettingsError(
            f"Traces are to go to {endpoint} (telemetry.endpoint), and OpenTelemetry is not installed: "
            "pip install 'wan-studio[otel]'."
        ) from error
    return OtelSpanExporter.over_http(endpoint, version)


def _followers(
    measure_jobs: MeasureJobs,
    event_log: SqlEventLog,
    repository: SqlJobRepository,
    exporter: SpanExporter | None,
) -> Mapping[str, FollowLog]:
    """By what they do."""
    followers: dict[str, FollowLog] = {"count of jobs": measure_jobs}
    if exporter is not None:
        followers["export of traces"] = TraceJobs(event_log, repository, exporter)
    return followers


def _on_answer(exposition: Exposition, exporter: SpanExporter | None, clock: Clock) -> OnAnswer:
    def note(answered: Answered) -> None:
        if exporter is not None and not answered.is_dull:
            exporter.export(request_span(answered, at=clock.now()), under=answered.traceparent)
        exposition.answered(
            answered.method,
            answered.route,
            answered.status,
            took_s=answered.took_s,
            reason=answered.reason,
        )

    return note


class ServerContainer(containers.DeclarativeContainer):
    """The server's own parts over the core's. Nothing is opened or started by making them."""

    core = providers.DependenciesContainer()
    settings = core.settings

    exposition = providers.Singleton(Exposition, core.version)
    span_exporter = providers.Singleton(_span_exporter, settings, core.version)
    on_answer = providers.Singleton(_on_answer, exposition, span_exporter, core.clock)

    database = providers.Singleton(
        Database, settings.provided.database_url, on_write=exposition.provided.wrote
    )
    repository = providers.Singleton(
        SqlJobRepository,
        database,
        tells_server=providers.Callable(bool, settings.provided.webhooks.url),
    )
    outbox = providers.Singleton(SqlWebhookOutbox, database)
    queue = providers.Singleton(SqlJobQueue, database)
    event_log = providers.Singleton(SqlEventLog, database)
    history = providers.Singleton(
        RecentRuns, providers.Singleton(SqlRunHistory, database), core.clock
    )
    places = providers.Singleton(find_places, settings, core.hardware)
    heats = providers.Singleton(_heats, settings, places)
    watch = providers.Singleton(_watch, settings, core.hardware, core.clock, heats)
    fork_server = providers.Singleton(_fork_server, settings, places)
    renderers = providers.Singleton(_renderers, settings, places, core, fork_server)

    capacity = providers.Singleton(capacity_in, places, watch.provided.present)
    overflows = providers.Singleton(KnownOverflows, core.clock)
    relieve = providers.Factory(
        RelieveMemory, core.catalog, history, capacity, overflows, core.loras
    )
    doorkeeper = providers.Singleton(_doorkeeper, settings, core.keys, core.clock)
    gate = providers.Singleton(_gate, settings, core.hardware)
    lanes = providers.Singleton(
        _lanes,
        settings,
        providers.Singleton(_slots, places, heats),
        repository,
        renderers,
        core.store,
        core.resume_store,
        core.clock,
        relieve,
    )
    dispatch = providers.Singleton(DispatchJobs, queue, lanes, gate, core.clock)

    measure_jobs = providers.Singleton(
        MeasureJobs, event_log, repository, exposition.provided.jobs, core.clock
    )
    followers = providers.Singleton(_followers, measure_jobs, event_log, repository, span_exporter)
    service_state = providers.Singleton(
        TellServiceState,
        queue,
        providers.Singleton(SqlQueueGauge, database),
        outbox,
        dispatch,
        gate,
        watch,
        measure_jobs,
        core.clock,
    )

    deliver_webhooks = providers.Singleton(
        _deliver_webhooks, settings, outbox, repository, exposition, core.clock
    )

    plan = providers.Factory(PlanGeneration, core.complete_draft, history, capacity, overflows)
    estimate = providers.Factory(
        EstimateGeneration, core.catalog, history, capacity, core.loras, overflows
    )
    # These take the `caller`; without one, they are the local user's.
    limits = providers.Singleton(_limits, settings)
    uploads = providers.Factory(OwnUploads, core.upload_owners)
    submit = providers.Factory(
        SubmitGeneration, plan, repository, gate, dispatch, core.clock, limits=limits
    )
    retry = providers.Factory(
        RetryGeneration, repository, gate, core.clock, waiting=limits.provided.waiting
    )
    cancel = providers.Factory(CancelGeneration, repository, lanes, core.resume_store, core.clock)
    steer = providers.Factory(SteerQueue, queue, dispatch, core.clock)
    work = providers.ThreadSafeSingleton(
        WorkOnCheckpoints,
        core.pull_checkpoint,
        core.verify_checkpoint,
        core.repair_checkpoint,
        core.clock,
    )
    library = providers.Singleton(SqlLibrary, database)
    browse = providers.Factory(BrowseLibrary, library, core.store)
    judge = providers.Factory(JudgeOutput, library)
    excerpts = providers.Singleton(TakeExcerpts, core.store, core.excerpt_maker, core.excerpt_store)
    tidy = providers.Singleton(
        TidyLibrary,
        library,
        core.store,
        core.excerpt_store,
        core.clock,
        trash_days=settings.provided.outputs.trash_days,
        keep_days=settings.provided.keep_days,
    )
    deleting = providers.Factory(DeleteGeneration, library, tidy, core.clock)
    queries = providers.Factory(Queries, repository, queue, event_log, dispatch, gate)
    upload_image = providers.Factory(UploadImage, core.image_reader, core.images, gate)
    upload_video = providers.Factory(UploadVideo, core.clip_reader, core.images, gate)
    derive = providers.Factory(
        DeriveGeneration,
        browse=browse,
        upload_image=upload_image,
        upload_video=upload_video,
        images=core.images,
    )
    discard = providers.Factory(
        DiscardGeneration, queries=queries, cancel=cancel, deleting=deleting
    )
    recover = providers.Factory(
        RecoverJobs, repository, core.store, core.resume_store, core.images, core.clock
    )
