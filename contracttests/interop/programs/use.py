import json
import os

from openapi_client import (
    ApiClient,
    ApiException,
    ConditionCreate,
    ConditionsApi,
    Configuration,
    EventsApi,
    LocationConditionCreate,
    PermitsApi,
    PermitScope,
)

configuration = Configuration(host=os.environ["PLOTWISE_BASE_URL"], access_token=os.environ["PLOTWISE_API_KEY"])
with ApiClient(configuration) as client:
    permits = PermitsApi(client)
    page = permits.list_permits(scope=PermitScope.ALL, status=["In Review"], per_page=2)
    print(len(page.data), "permits")
    permit = permits.get_permit(page.data[0].uuid).data
    print("the same" if permit.uuid == page.data[0].uuid else "another", f"issued: {permit.issued_date or 'never'}", sep=", ")

    conditions = ConditionsApi(client)
    events = EventsApi(client).list_event_types().data
    print(len(conditions.list_conditions().data) + len(events), "conditions and types of event")
    office = LocationConditionCreate(type="location", name="Office", latitude=28.0712, longitude=-82.5018, radius_m=2500)
    made = conditions.create_condition(ConditionCreate(office)).data.actual_instance
    print(made.type, made.radius_m)
    conditions.delete_condition(made.id)
    try:
        conditions.get_condition(made.id)
    except ApiException as error:
        print(error.status, json.loads(error.body)["error"]["code"])
