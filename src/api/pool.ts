import * as z from 'zod';
import * as c from './common.ts';
import { conditions } from './conditions.ts';
import { type ApiObject, defineKind } from './kind.ts';

const drain = c.object('drain says how members let go of their users and who counts those that are left.', {
  hook: c
    .object('hook is called once per member before it leaves, and once after it is back.', {
      http: c.object('http is the request; it must answer within 4 s with a status from 200 to 299.', {
        url: c.url('url is where to; ${MEMBER} and ${SERVER} are expanded: "http://${MEMBER}:9000/shed".'),
        method: z
          .enum(['POST', 'PUT', 'DELETE'])
          .meta({ description: 'method starts the draining. Default POST.' })
          .default('POST'),
        undrainMethod: z
          .enum(['POST', 'PUT', 'DELETE'])
          .meta({ description: 'undrainMethod takes it back, at the same URL. Default DELETE.' })
          .default('DELETE'),
      }),
    })
    .optional(),
  connections: c
    .object('connections asks each member how many users are left; for load balancers that do not count themselves.', {
      http: c.object('http is a GET request to the member.', {
        url: c.url('url is where to; ${MEMBER} and ${SERVER} are expanded: "http://${MEMBER}:9000/stats".'),
        json: c.jsonPath('json is the RFC 9535 JSONPath of the number in the answer, such as "$.open".'),
      }),
    })
    .optional(),
  settle: c
    .duration(
      'settle is how long to wait after a member left the endpoints of a Service, until every node routes by that; only then its connections count. Default "10s".',
    )
    .default('10s'),
});

export const poolSpec = c.object(
  'spec says which load balancer it is. Exactly one of service, haproxy; further load balancers are added as further members.',
  {
    service: c
      .object('service is a Kubernetes Service whose selector names the label belay.dev/pool.', {
        name: c.objectName('name is the name of the Service in this namespace.'),
      })
      .optional(),
    haproxy: c
      .object('haproxy is one or more HAProxy processes, driven by their Runtime API at admin level.', {
        endpoints: c.setList(
          'endpoints are the Runtime API addresses of all processes that serve this pool, such as ["tcp://haproxy-0:9999"].',
          z
            .string()
            .max(256)
            .regex(/^tcp:\/\/[A-Za-z0-9.:[\]-]+:[0-9]{1,5}$/)
            .meta({ description: 'tcp://HOST:PORT.' }),
          { min: 1, max: 16 },
        ),
        backend: c.nonEmpty('backend is the name of the backend in the configuration of HAProxy.', 128),
      })
      .optional(),
    healthChecked: c
      .boolean(
        'healthChecked says that the load balancer takes members out by itself when they are unwell. Default false.',
      )
      .default(false),
    minServing: c
      .integer(
        'minServing is how many members must serve at any instant outside a declared downtime, over all UpgradeSets. Default 1.',
        0,
        1024,
      )
      .default(1),
    facts: c
      .map('facts are declared properties, such as {vendor: haproxy, minTLS: "1.2"}.', c.text('The value.', 256))
      .optional(),
    drain: drain.prefault({}),
  },
  [c.exactlyOne('service', 'haproxy')],
);

export const poolStatus = c.object('status is what the controller last saw in the load balancer.', {
  observedGeneration: c.observedGeneration,
  conditions,
  driver: z.enum(['service', 'haproxy']).meta({ description: 'driver is how the load balancer is driven.' }).optional(),
  serving: c.integer('serving is how many members serve.', 0, 1024).optional(),
  total: c.integer('total is how many members there are.', 0, 1024).optional(),
  instances: c
    .atomicList(
      'instances are the processes of the load balancer, in the order of spec; written when an answer changed.',
      c.object('One process.', {
        address: c.nonEmpty('address is where it is reached.', 256),
        reachable: c.boolean('reachable says whether it answered, at admin level.'),
        version: c.text('version is the version it reports, while it is reachable.', 64).optional(),
        since: c.instant('since is when it was first seen as it is shown here.').optional(),
        message: c.text('message is what went wrong.').optional(),
      }),
      { max: 16 },
    )
    .optional(),
  members: c
    .mapList(
      'members are the members of the pool that ServerGroups name, the first 1024 by name.',
      'name',
      c.object('One member.', {
        name: c.nonEmpty('name is the name of the member in the load balancer.', 253),
        state: z.enum(['Serving', 'Draining', 'Drained', 'Down', 'Unknown']).meta({
          description: 'state is Serving, Draining, Drained, Down or Unknown: the worst news of all instances counts.',
        }),
        connections: c
          .integer(
            'connections are the open connections of a member that is out of rotation; absent for others, which would change at every look, and where nothing counts them.',
            0,
            Number.MAX_SAFE_INTEGER,
          )
          .optional(),
        drainedBy: c
          .text(
            'drainedBy is who took it out of rotation: "run/NAME", which puts it back or hands it over, or "Person", who has to.',
            128,
          )
          .optional(),
        message: c.text('message is what stands out.').optional(),
      }),
      { max: 1024 },
    )
    .optional(),
});

export type PoolSpec = z.output<typeof poolSpec>;
export type PoolStatus = z.output<typeof poolStatus>;
export interface Pool extends ApiObject<PoolSpec, PoolStatus> {}
export type PoolMember = NonNullable<PoolStatus['members']>[number];

export const poolKind = defineKind({
  kind: 'Pool',
  plural: 'pools',
  shortNames: ['pool'],
  description: 'Pool is one pool of a load balancer and how to drive it.',
  writtenBy: 'users',
  spec: poolSpec,
  status: poolStatus,
  maxNameLength: 63,
  columns: [
    { name: 'Driver', type: 'string', jsonPath: '.status.driver', description: 'How the load balancer is driven' },
    { name: 'Serving', type: 'integer', jsonPath: '.status.serving', description: 'Members that serve' },
    { name: 'Members', type: 'integer', jsonPath: '.status.total', description: 'Members there are' },
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Whether the pool can be driven',
    },
  ],
  example: `apiVersion: belay.dev/v1alpha1
kind: Pool
metadata:
  name: web
spec:
  haproxy:
    endpoints:
    - tcp://haproxy-0.haproxy:9999
    - tcp://haproxy-1.haproxy:9999
    backend: web
  healthChecked: true
`,
});
