"""Deliberate faults, each a promise broken on purpose, and the tests that must catch it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`sound`, found once in `path`, becomes `spoiled`."""

    name: str
    path: str
    sound: str
    spoiled: str
    tests: tuple[str, ...]

    def build_into(self, source: str) -> str:
        """The source with the fault in it."""
        assert source.count(self.sound) == 1, f"{self.name} no longer fits {self.path}"
        return source.replace(self.sound, self.spoiled)


FAULTS = (
    Fault(
        name="completed before the rename",
        path="src/application/run_generation.py",
        sound="""        await self._insist(lambda: asyncio.to_thread(publish), for_s=PUBLISHING_PATIENCE_S)
        at = self._clock.now()
        await self._insist(lambda: self._end(job, lambda job: job.complete(fence=job.fence, at=at)))
""",
        spoiled="""        at = self._clock.now()
        await self._insist(lambda: self._end(job, lambda job: job.complete(fence=job.fence, at=at)))
        await self._insist(lambda: asyncio.to_thread(publish), for_s=PUBLISHING_PATIENCE_S)
""",
        tests=("tests/unit/application/test_run_generation.py",),
    ),
    Fault(
        name="no fence",
        path="src/domain/job.py",
        sound="if fence is not None and fence != self.fence:",
        spoiled="if fence is not None and fence > self.fence:",
        tests=("tests/unit/domain/test_job.py",),
    ),
    Fault(
        name="no fsync of the directory",
        path="src/adapters/filesystem/artifact_store.py",
        sound="                fsync_directory(final.parent)\n",
        spoiled="                pass\n",
        tests=("tests/integration/test_output_files.py",),
    ),
    Fault(
        name="published before it is durable",
        path="src/adapters/filesystem/artifact_store.py",
        sound="            fsync_file(staged)\n",
        spoiled="",
        tests=("tests/integration/test_output_files.py",),
    ),
    Fault(
        name="a torn file is published",
        path="src/adapters/filesystem/artifact_store.py",
        sound="if staged.is_file() and _examine(staged).sha256 == sha256:",
        spoiled="if staged.is_file():",
        tests=("tests/ports/test_artifact_store.py",),
    ),
    Fault(
        name="budgets by the wall clock",
        path="src/application/run_generation.py",
        sound="watchdog.remaining_s(now=self._clock.monotonic())",
        spoiled="watchdog.remaining_s(now=self._clock.now().timestamp() - 1767268800)",
        tests=("tests/unit/application",),
    ),
    Fault(
        name="a cancel that ignores the state",
        path="src/domain/job.py",
        sound="""            raise NotCancellable(f"The generation is already {self.status}.")
""",
        spoiled="""            self._finish(JobStatus.CANCELLED, at)
            self._record(EventKind.CANCELLED, at)
""",
        tests=("tests/unit/domain/test_job.py",),
    ),
    Fault(
        name="a restart cancels what ran",
        path="src/application/recover_jobs.py",
        sound="job.end_attempt(stopped, fence=job.fence, at=at)",
        spoiled="job.cancel(fence=job.fence, at=at)",
        tests=("tests/unit/application/test_recover_jobs.py",),
    ),
    Fault(
        name="a stop is charged to the job",
        path="src/domain/toll.py",
        sound='case errors.RenderSuspended() | errors.OutputMissing():\n                return self._interrupted(error, code="interrupted")',
        spoiled="case errors.RenderSuspended() | errors.OutputMissing():\n                return self._crashed(error)",
        tests=("tests/unit/domain",),
    ),
    Fault(
        name="the resume point is dropped too early",
        path="src/application/run_generation.py",
        sound="            if job.status.is_terminal:\n",
        spoiled="            if job:\n",
        tests=("tests/unit/application",),
    ),
    Fault(
        name="a deferred BEGIN",
        path="src/adapters/sql/group_writer.py",
        sound='connection.exec_driver_sql("BEGIN IMMEDIATE")',
        spoiled='connection.exec_driver_sql("BEGIN")',
        tests=(
            "tests/integration/test_sql_database.py",
            "tests/integration/test_sql_group_commit.py",
        ),
    ),
    Fault(
        name="acknowledged before COMMIT",
        path="src/adapters/sql/group_writer.py",
        sound="""                works = [work for work, _ in group]
""",
        spoiled="""
                def hasty(work: Work, answer: "asyncio.Future[Any]") -> Work:
                    def run(connection: Connection) -> Any:
                        result = work(connection)
                        loop.call_soon_threadsafe(_give, answer, _Done(result))
                        return result

                    return run

                works = [hasty(work, answer) for work, answer in group]
""",
        tests=(
            "tests/integration/test_sql_group_commit.py::test_nobody_is_answered_before_the_commit",
        ),
    ),
    Fault(
        name="acknowledged although COMMIT failed",
        path="src/adapters/sql/group_writer.py",
        sound="""                connection.invalidate()  # what it holds in memory may differ from what the disk does
                raise
""",
        spoiled="""                connection.invalidate()
""",
        tests=("tests/integration/test_sql_group_commit.py",),
    ),
    Fault(
        name="a download is believed",
        path="src/adapters/filesystem/checkpoint_staging.py",
        sound="            if fault is not None:\n                received.unlink()\n",
        spoiled="            if fault is None and fault is not None:\n                received.unlink()\n",
        tests=("tests/integration/test_pulling.py",),
    ),
    Fault(
        name="a pull follows its branch",
        path="src/application/pull_checkpoint.py",
        sound="if unfinished is not None and unfinished.listing.has_transformer:",
        spoiled="if unfinished is not None and revision is not None:",
        tests=("tests/unit/application/test_pull_checkpoint.py",),
    ),
    Fault(
        name="a scale is left out",
        path="src/adapters/diffusers/weight_file.py",
        sound="    if move.scale is not None:\n",
        spoiled="    if move.scale is not None and move.scale.shape:\n",
        tests=("tests/integration/test_converting.py",),
    ),
    Fault(
        name="removing follows links",
        path="src/adapters/filesystem/checkpoint_store.py",
        sound="if _lies_within(path, found.folder) and os.path.lexists(path):",
        spoiled="if os.path.lexists(path):",
        tests=("tests/integration/test_checkpoint_store_files.py",),
    ),
    Fault(
        name="a run goes on without the scheduler's history",
        path="src/adapters/diffusers/denoising.py",
        sound="        write_history(scheduler, begun.history)\n",
        spoiled="        scheduler.set_begin_index(begun.step)\n",
        tests=("tests/integration/test_resuming.py",),
    ),
    Fault(
        name="a run goes on from another run's point",
        path="src/adapters/diffusers/run_state.py",
        sound="    if difference := _difference(whose, identity(len(state.done))):\n",
        spoiled="    if difference := None:\n",
        tests=("tests/integration/test_resuming.py",),
    ),
    Fault(
        name="a segment goes on in tiles from whole pictures",
        path="src/adapters/diffusers/video_pipeline.py",
        sound="return lambda segment: later if segment else identity",
        spoiled="return lambda segment: identity",
        tests=("tests/integration/test_segments.py",),
    ),
    Fault(
        name="a damaged resume point is believed",
        path="src/adapters/filesystem/resume_store.py",
        sound='    if head != b"%s %s" % (_FORMAT, _sha256(state)):\n',
        spoiled="    if not head.startswith(_FORMAT):\n",
        tests=("tests/ports/test_resume_store.py",),
    ),
    Fault(
        name="a database that two servers share",
        path="src/adapters/sql/database.py",
        sound="                self._lock.take(await self._writer.run(_file))\n",
        spoiled="",
        tests=("tests/integration/test_sql_database.py",),
    ),
    Fault(
        name="a worker beside the former one",
        path="src/bootstrap/worker.py",
        sound="        _be_alone(core.data_directory().worker_lock(int(slot)), settings)\n",
        spoiled="",
        tests=("tests/integration/test_worker_place.py",),
    ),
    Fault(
        name="a fork server that outlives its server",
        path="src/bootstrap/fork_server.py",
        sound="    end_with_parent()\n",
        spoiled="",
        tests=("tests/integration/test_fork_server.py",),
    ),
    Fault(
        name="a forked worker on another's accelerator",
        path="src/bootstrap/fork_server.py",
        sound="        show_accelerator(visible)\n",
        spoiled="",
        tests=("tests/integration/test_fork_server.py",),
    ),
    Fault(
        name="forks that keep their fork server's socket",
        path="src/adapters/subprocess/forking.py",
        sound="    with selectors.DefaultSelector() as ready, control:\n",
        spoiled="    with selectors.DefaultSelector() as ready:\n",
        tests=("tests/integration/test_fork_server.py",),
    ),
    Fault(
        name="an overflow that nobody remembers",
        path="src/application/relieve_memory.py",
        sound="            self._overflows.note(kind, overflow)\n",
        spoiled="            pass\n",
        tests=("tests/unit/application/test_relieve_memory.py",),
    ),
    Fault(
        name="a rung that nobody is told",
        path="src/application/run_generation.py",
        sound="            rung=claimed.toll.oom_level,\n",
        spoiled="",
        tests=("tests/unit/application/test_run_generation.py",),
    ),
    Fault(
        name="a key that is not kept with its job",
        path="src/adapters/sql/job_repository.py",
        sound="            if key:\n                keys.remember(",
        spoiled="            if key and not kept.id:\n                keys.remember(",
        tests=("tests/ports/test_idempotency.py",),
    ),
    Fault(
        name="a key that stands for any request",
        path="src/adapters/sql/keys.py",
        sound="    if row.fingerprint != key.fingerprint:\n",
        spoiled="    if not row.fingerprint:\n",
        tests=("tests/ports/test_idempotency.py",),
    ),
    Fault(
        name="a hot accelerator is given work",
        path="src/domain/slot.py",
        sound="if self.heat is not None and self.heat.is_held(now=now):",
        spoiled="if self.heat is not None and self.heat.is_held(now=now + 3600):",
        tests=("tests/unit/application/test_heat.py",),
    ),
    Fault(
        name="another's generation",
        path="src/application/own_jobs.py",
        sound="        if not self._caller.may_see(job.client):\n",
        spoiled="        if not job.client:\n",
        tests=("tests/integration/http/threats/test_owners.py",),
    ),
    Fault(
        name="another's upload",
        path="src/application/own_uploads.py",
        sound="            if not await asyncio.to_thread(self._owners.owns, upload_id, self._caller.client)\n",
        spoiled="            if not upload_id\n",
        tests=("tests/integration/http/threats/test_owners.py",),
    ),
    Fault(
        name="a revoked key that opens",
        path="src/domain/api_key.py",
        sound=" and self.revoked_at is None\n",
        spoiled="\n",
        tests=("tests/unit/domain/test_api_key.py",),
    ),
    Fault(
        name="a damaged file of keys that opens everything",
        path="src/adapters/filesystem/key_store.py",
        sound="        except (msgspec.DecodeError, UnicodeDecodeError, InvalidRequest) as error:\n"
        '            raise self._unreadable("it is damaged") from error\n',
        spoiled="        except (msgspec.DecodeError, UnicodeDecodeError, InvalidRequest):\n"
        "            return ()\n",
        tests=("tests/integration/test_key_files.py",),
    ),
    Fault(
        name="an address that the client tells",
        path="src/bootstrap/server.py",
        sound="        proxy_headers=False,\n",
        spoiled="        proxy_headers=True,\n",
        tests=("tests/integration/http/threats/test_connections.py",),
    ),
    Fault(
        name="a stream that outlives its key",
        path="src/adapters/http/access.py",
        sound="            self._broken_off.set()\n",
        spoiled="            pass\n",
        tests=("tests/integration/http/threats/test_streams.py",),
    ),
    Fault(
        name="a head that may take for ever",
        path="src/adapters/http/connections.py",
        sound="        elif self._patience is None:\n",
        spoiled="        else:\n            self._relax()\n",
        tests=("tests/integration/http/threats/test_connections.py",),
    ),
    Fault(
        name="a step cache that a resumed run knows nothing of",
        path="src/adapters/diffusers/denoising.py",
        sound="                    cache=cache.memory,\n",
        spoiled="",
        tests=("tests/integration/test_shortcuts.py",),
    ),
    Fault(
        name="text that was read before the LoRAs were on",
        path="src/adapters/diffusers/denoising.py",
        sound="remembered_text(transformers if request.loras_from is None else ())",
        spoiled="remembered_text(transformers)",
        tests=("tests/integration/test_shortcuts.py",),
    ),
    Fault(
        name="a first try finds what was asked for before",
        path="src/adapters/sql/keys.py",
        sound="    if key.begins_anew:\n        return None\n",
        spoiled="",
        tests=("tests/ports/test_idempotency.py",),
    ),
    Fault(
        name="a repetition is found for ever",
        path="src/adapters/sql/keys.py",
        sound="since = instant_to_text(at - key.lifetime)",
        spoiled="since = instant_to_text(at - _LIFETIME)",
        tests=("tests/ports/test_idempotency.py",),
    ),
    Fault(
        name="OpenAI's clients hear of cancelling",
        path="src/adapters/http/openai/representations.py",
        sound='JobStatus.CANCELLED: "failed",',
        spoiled='JobStatus.CANCELLED: "cancelled",',
        tests=("tests/integration/openai/test_representations.py",),
    ),
    Fault(
        name="an extension keeps the pictures of its source",
        path="src/domain/derivation.py",
        sound='without=_GIVEN | {"seed"}',
        spoiled='without={"seed"}',
        tests=("tests/unit/domain/test_derivation.py",),
    ),
    Fault(
        name="one public address is enough",
        path="src/adapters/webhooks/sender.py",
        sound="if not addresses or not all(",
        spoiled="if not addresses or not any(",
        tests=("tests/ports/test_webhook_sender.py",),
    ),
    Fault(
        name="webhooks follow redirects",
        path="src/adapters/webhooks/sender.py",
        sound="follow_redirects=False",
        spoiled="follow_redirects=True",
        tests=("tests/ports/test_webhook_sender.py",),
    ),
    Fault(
        name="webhooks go through proxies",
        path="src/adapters/webhooks/sender.py",
        sound="                    trust_env=False,\n",
        spoiled="                    trust_env=True,\n",
        tests=("tests/ports/test_webhook_sender.py",),
    ),
    Fault(
        name="a webhook is struck off before it is sent",
        path="src/application/deliver_webhooks.py",
        sound="        message = message_of(job, message_id=delivery.id)\n",
        spoiled="        message = message_of(job, message_id=delivery.id)\n"
        "        await self._outbox.remove(delivery.number)\n",
        tests=("tests/unit/application/test_deliver_webhooks.py",),
    ),
    Fault(
        name="routes are counted as they are asked for",
        path="src/adapters/http/request_log.py",
        sound='route=scope.get("path_template") or NONE,',
        spoiled='route=scope["path"],',
        tests=("tests/integration/http/test_metrics.py",),
    ),
)
