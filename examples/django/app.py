"""A whole site in one file, around portcullis.py. `python app.py migrate`, then `python app.py runserver`."""

import os
import sys

from django.conf import settings
from django.core.management import execute_from_command_line

settings.configure(
    PORTCULLIS_URL=os.environ.get("HUB_URL", "http://127.0.0.1:8080"),
    ROOT_URLCONF="urls",
    SECRET_KEY=os.environ.get("DJANGO_SECRET_KEY", "for nothing here: there are no sessions"),
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ.get("SQLITE", "site.sqlite3")}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["portcullis.Portcullis"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    },
)

execute_from_command_line(sys.argv)
