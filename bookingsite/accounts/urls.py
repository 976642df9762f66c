"""The pages of allauth that this project has, one by one: no sign-up, no list of addresses."""

from allauth.account import views as allauth
from allauth.mfa.base import views as second
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as app
from allauth.mfa.webauthn import views as passkeys
from django.urls import path, re_path

from bookingsite.accounts import oidc, views

ONE = {"provider_id": oidc.PROVIDER}

urlpatterns = [
    path("", views.account, name="account"),
    path("login/", oidc.allow_provider(views.LoginView.as_view()), name="account_login"),
    path("oidc/sso/", oidc.login, ONE, name="openid_connect_login"),
    path("oidc/sso/callback/", oidc.callback, ONE, name="openid_connect_callback"),
    path("logout/", allauth.logout, name="account_logout"),
    path("reauthenticate/", oidc.allow_provider(views.reauthenticate), name="account_reauthenticate"),
    path("notices/<int:organization_id>/", views.allow_notices, name="allow_notices"),
    path("sessions/end/", views.end_other_sessions, name="end_other_sessions"),
    path("sessions/<int:session_id>/end/", views.end_session, name="end_session"),
    path("password/", views.change_password, name="account_change_password"),
    path("password/reset/", views.reset_password, name="account_reset_password"),
    path("password/reset/sent/", allauth.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        allauth.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/done/",
        allauth.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("second/", second.index, name="mfa_index"),
    path("second/", second.index, name="mfa_list_webauthn"),  # where allauth goes after a passkey is removed
    path("second/login/", second.authenticate, name="mfa_authenticate"),
    path("second/again/", second.reauthenticate, name="mfa_reauthenticate"),
    path("second/app/", app.activate_totp, name="mfa_activate_totp"),
    path("second/app/remove/", app.deactivate_totp, name="mfa_deactivate_totp"),
    path("second/codes/", recovery_codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("second/codes/new/", recovery_codes.generate_recovery_codes, name="mfa_generate_recovery_codes"),
    path("second/passkeys/add/", passkeys.add_webauthn, name="mfa_add_webauthn"),
    path("second/passkeys/again/", views.PasskeyAgainView.as_view(), name="mfa_reauthenticate_webauthn"),
    path("second/passkeys/login/", passkeys.login_webauthn, name="mfa_login_webauthn"),
    path("second/passkeys/<int:pk>/remove/", passkeys.remove_webauthn, name="mfa_remove_webauthn"),
]
