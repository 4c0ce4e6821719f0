from django.urls import path
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from portcullis import has_role


class Orders(APIView):
    def get_permissions(self):
        return [has_role("editor", "admin")() if self.request.method == "POST" else IsAuthenticated()]

    def get(self, request):
        return Response({"user": request.user.username})

    def post(self, request):
        return Response({"role": request.auth["role"]})


urlpatterns = [path("orders", Orders.as_view())]
