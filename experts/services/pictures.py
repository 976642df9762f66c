"""Write the photos of experts and the logos of organisations: rows, and the files that they name."""

import logging
from collections.abc import Iterable
from typing import BinaryIO, TypeVar

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from experts.errors import NotFound
from experts.locking import slot_transaction
from experts.models import Expert, Organization
from experts.pictures import PHOTO_SIZES, make_logo, make_photo, sized_name

logger = logging.getLogger(__name__)
Owner = TypeVar("Owner", Expert, Organization)


def set_photo(*, expert_id: int, file: BinaryIO) -> Expert:
    """Make the file the expert's photo, in the sizes of ``PHOTO_SIZES``. The one before is deleted after the commit.

    Raises InvalidPicture, NotFound, Busy.
    """
    made = {f"experts/{expert_id}/{name}": content for name, content in make_photo(file).items()}
    largest = next(name for name in made if name.endswith(f"-{PHOTO_SIZES[-1]}.webp"))
    return _replace(Expert, expert_id, "photo", largest, made)


def remove_photo(*, expert_id: int) -> Expert:
    """Let the expert have no photo: pages show initials. Files are deleted after the commit. Raises NotFound, Busy."""
    return _replace(Expert, expert_id, "photo", "", {})


def set_logo(*, organization_id: int, file: BinaryIO) -> Organization:
    """Make the file the organisation's logo. The one before is deleted after the commit.

    Raises InvalidPicture, NotFound, Busy.
    """
    made = {f"logos/{organization_id}/{name}": content for name, content in make_logo(file).items()}
    return _replace(Organization, organization_id, "logo", next(iter(made)), made)


def remove_logo(*, organization_id: int) -> Organization:
    """Let the organisation have no logo. Its file is deleted after the commit. Raises NotFound, Busy."""
    return _replace(Organization, organization_id, "logo", "", {})


def delete_expert(*, expert_id: int) -> None:
    """Delete an expert who has no slots, with the files of the photo, after the commit.

    Raises ProtectedError where something refers to the expert, NotFound, Busy.
    """
    with slot_transaction():
        expert = Expert.objects.select_for_update().filter(pk=expert_id).first()
        if expert is None:
            raise NotFound
        forget_files_after_commit(files_of(expert.photo.name))
        expert.delete()


def delete_organization(*, organization_id: int) -> None:
    """Delete an organisation that has no experts, with the file of its logo. As ``delete_expert``."""
    with slot_transaction():
        organization = Organization.objects.select_for_update().filter(pk=organization_id).first()
        if organization is None:
            raise NotFound
        forget_files_after_commit(files_of(organization.logo.name))
        organization.delete()


def files_of(name: str | None) -> list[str]:
    """Return the names of all files that were stored with the one that a row names; none for an empty name."""
    if not name:
        return []
    return [sized_name(name, size) for size in PHOTO_SIZES] if name.endswith(".webp") else [name]


def forget_files_after_commit(names: Iterable[str]) -> None:
    """Delete files once the transaction has been written. What cannot be deleted is logged and stays."""
    listed = list(names)
    if listed:
        transaction.on_commit(lambda: _delete(listed))


def _replace(model: type[Owner], pk: int, field: str, name: str, made: dict[str, bytes]) -> Owner:
    """Store first, then write the row, so that no page ever names a file that is not there yet."""
    new = [path for path in made if not default_storage.exists(path)]
    try:
        for path in new:
            stored = default_storage.save(path, ContentFile(made[path]))
            if stored != path:  # somebody stores the same picture at this moment
                default_storage.delete(stored)
        with slot_transaction():
            row = model.objects.select_for_update(no_key=True).filter(pk=pk).first()
            if row is None:
                raise NotFound
            before = getattr(row, field).name
            if before != name:
                setattr(row, field, name)
                row.save(update_fields=[field])
                forget_files_after_commit(files_of(before))
    except BaseException:
        _delete(new)
        raise
    return row


def _delete(names: Iterable[str]) -> None:
    for name in names:
        try:
            default_storage.delete(name)
        except OSError:
            logger.exception("a picture that nothing shows any more could not be deleted")
