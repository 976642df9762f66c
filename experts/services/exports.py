"""Write who has taken which rows along in a file."""

from collections.abc import Mapping

from experts.models import ExportLog, User


def log_export(*, user: User, subject: str, filters: str, file_format: str, rows: Mapping[int | None, int]) -> None:
    """Log an export before its first byte leaves: a line for each organisation, with the number of its rows.

    ``rows``: by the id of the organisation; None for rows of none, and for an export that has no rows at all.
    """
    ExportLog.objects.bulk_create(
        ExportLog(
            organization_id=organization,
            user=user,
            who=user.email,
            subject=subject,
            filters=filters[:1000],
            format=file_format,
            rows=number,
        )
        for organization, number in (rows or {None: 0}).items()
    )
