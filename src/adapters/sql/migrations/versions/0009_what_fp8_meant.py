"""Plans that were made when `fp8` meant storage alone say `int8`, which took its place (ADR-0030, ADR-0053)."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("DROP TRIGGER finished_jobs_never_change")
    op.execute(
        """
        UPDATE jobs SET plan = replace(plan, '"precision":"fp8"', '"precision":"int8"')
        WHERE plan LIKE '%"precision":"fp8"%'
        """
    )
    op.execute(
        """
        CREATE TRIGGER finished_jobs_never_change BEFORE UPDATE ON jobs
        WHEN OLD.finished_at IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'a finished job never changes'); END
        """
    )
