"""Lists that show what changes while they are open."""


class LiveList:
    """A list of the admin that loads its rows again when something of the organisation has changed.

    As the admin site tells (``make_lists_live``); not while rows are ticked (static/js/staff-live.js).
    """

    def changelist_view(self, request, extra_context=None):
        live = self.admin_site.live_of(request)  # before what is listed is read
        return super().changelist_view(request, {"staff_live": live} | (extra_context or {}))
