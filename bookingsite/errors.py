from django.shortcuts import render


def csrf_failure(request, reason=""):
    """A form that was open for too long, or came from elsewhere."""
    return render(request, "csrf.html", status=403)


def bad_request(request, exception=None):
    return render(request, "400.html", status=400)
