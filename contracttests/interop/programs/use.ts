import { ConditionsApi, Configuration, EventsApi, PermitScope, PermitsApi, ResponseError } from "./index";

declare const process: { env: Record<string, string> };

async function use() {
  const configuration = new Configuration({ basePath: process.env.PLOTWISE_BASE_URL!, accessToken: process.env.PLOTWISE_API_KEY! });

  const permits = new PermitsApi(configuration);
  const page = await permits.listPermits({ scope: PermitScope.All, status: ["In Review"], perPage: 2 });
  console.log(`${page.data.length} permits`);
  const { data: permit } = await permits.getPermit({ permitUuid: page.data[0]!.uuid });
  console.log(`${permit.uuid === page.data[0]!.uuid ? "the same" : "another"}, issued: ${permit.issuedDate ?? "never"}`);

  const conditions = new ConditionsApi(configuration);
  const events = (await new EventsApi(configuration).listEventTypes()).data.length;
  console.log(`${(await conditions.listConditions()).data.length + events} conditions and types of event`);
  const { data: made } = await conditions.createCondition({
    conditionCreate: { type: "location", name: "Office", latitude: 28.0712, longitude: -82.5018, radiusM: 2500 },
  });
  if (made.type === "location") {
    console.log(`${made.type} ${made.radiusM}`);
  }
  await conditions.deleteCondition({ conditionId: made.id });
  try {
    await conditions.getCondition({ conditionId: made.id });
  } catch (error) {
    if (!(error instanceof ResponseError)) throw error;
    console.log(`${error.response.status} ${(await error.response.json()).error.code}`);
  }
}

use();
