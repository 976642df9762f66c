from typing import Any

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _

from experts.validators import validate_no_web_address


class AddressField(models.EmailField):  # type: ignore[type-arg]  # Django's takes none when it runs
    """An e-mail address in lower case, whatever was typed: what is compared with it is put in lower case, too."""

    def to_python(self, value: Any) -> Any:
        return _lower(super().to_python(value))

    def get_prep_value(self, value: Any) -> Any:
        return _lower(super().get_prep_value(value))

    def pre_save(self, instance: models.Model, add: bool) -> Any:
        value = _lower(super().pre_save(instance, add))
        setattr(instance, self.attname, value)
        return value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **values: Any) -> "User":
        """Make an account that may not enter the admin. Without a password nobody can log in to it."""
        if not email:
            raise ValueError("An account needs an e-mail address.")
        user = self.model(email=email, **values)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **values: Any) -> "User":
        """Make an account that may do everything."""
        return self.create_user(email, password, **values | {"is_staff": True, "is_superuser": True})


class User(AbstractBaseUser, PermissionsMixin):
    """An account of somebody on staff, who logs in with an e-mail address. What they may do follows from Membership.

    Visitors who book have no account.
    """

    email = AddressField(
        _("e-mail address"),
        max_length=254,
        unique=True,
        error_messages={"unique": _("There is an account with this address already.")},
    )
    name = models.CharField(_("name"), max_length=150, blank=True, validators=[validate_no_web_address])
    is_staff = models.BooleanField(_("may enter the admin"), default=False)
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Take this away instead of deleting an account: the history names it.")
    )
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    objects = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = []

    class Meta:
        ordering = ["email"]
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [
            # With this the unique index of the address ignores case, too, whoever writes.
            models.CheckConstraint(condition=Q(email=Lower(F("email"))) & ~Q(email=""), name="user_address_lower_case"),
        ]

    def __str__(self) -> str:
        return str(self.email)

    @property
    def shown_name(self) -> str:
        """What colleagues read: the name, or the address of somebody who has not told it."""
        return self.name or self.email

    def get_full_name(self) -> str:
        """For the admin's templates, which fall back on the address by themselves."""
        return self.name

    def get_short_name(self) -> str:
        return self.name
