import java.util.List;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.ConditionsApi;
import org.openapitools.client.api.EventsApi;
import org.openapitools.client.api.PermitsApi;
import org.openapitools.client.model.ConditionCreate;
import org.openapitools.client.model.LocationConditionCreate;
import org.openapitools.client.model.PermitDetails;
import org.openapitools.client.model.PermitList;
import org.openapitools.client.model.PermitScope;

public class Use {
  public static void main(String[] arguments) throws ApiException {
    ApiClient client = new ApiClient();
    client.setBasePath(System.getenv("PLOTWISE_BASE_URL"));
    client.setBearerToken(System.getenv("PLOTWISE_API_KEY"));

    PermitsApi permits = new PermitsApi(client);
    PermitList page = permits.listPermits(
        PermitScope.ALL, List.of("In Review"), null, null, null, null, null, null, null, null, null, null, null, null, 2, null, null);
    System.out.println(page.getData().size() + " permits");
    PermitDetails permit = permits.getPermit(page.getData().get(0).getUuid(), null).getData();
    System.out.println(
        (permit.getUuid().equals(page.getData().get(0).getUuid()) ? "the same" : "another")
            + ", issued: " + (permit.getIssuedDate() == null ? "never" : permit.getIssuedDate()));

    ConditionsApi conditions = new ConditionsApi(client);
    int events = new EventsApi(client).listEventTypes(null).getData().size();
    System.out.println(conditions.listConditions(null, null, null, null).getData().size() + events + " conditions and types of event");
    LocationConditionCreate office = new LocationConditionCreate()
        .type(LocationConditionCreate.TypeEnum.LOCATION).name("Office").latitude(28.0712).longitude(-82.5018).radiusM(2500);
    var made = conditions.createCondition(new ConditionCreate(office), null).getData().getLocationCondition();
    System.out.println(made.getType() + " " + made.getRadiusM());
    conditions.deleteCondition(made.getId(), null);
    try {
      conditions.getCondition(made.getId(), null);
    } catch (ApiException e) {
      System.out.println(e.getCode() + (e.getResponseBody().contains("\"code\":\"not_found\"") ? " not_found" : e.getResponseBody()));
    }
  }
}
