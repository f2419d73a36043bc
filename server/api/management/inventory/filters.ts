import { randomUUID } from "node:crypto";
import { z } from "zod";
import { Id } from "../../../../src/protocol/api/common.ts";
import { Filter, FilterCount, FilterName, NewFilter } from "../../../../src/protocol/api/filters.ts";
import { InventoryDevice } from "../../../../src/protocol/api/inventory.ts";
import { countMatching } from "../../../adapters/postgres/count-matching.ts";
import {
  addFilter,
  changeFilter,
  findFilter,
  listFilters,
  removeFilter,
  requirePredicateInSight,
} from "../../../adapters/postgres/filters.ts";
import { walkInventory } from "../../../adapters/postgres/inventory-walk.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { CursorQuery, walkerOf } from "../../cursors.ts";
import { act, look } from "../../guard.ts";
import { PagingQuery, setPageHeaders, windowOf } from "../../paging.ts";
import type { Services } from "../../services.ts";
import { readSort } from "./query.ts";
import { findPage, readTerms } from "./search.ts";
import { shownDevice } from "./shown-device.ts";

const FILTERS = "/api/management/v2/inventory/filters";
const params = z.object({ id: Id });
const nothing = { 204: z.undefined() };

/** Dynamic groups: predicates with names. */
export const filterRoutes =
  (services: Services): Routes =>
  (app) => {
    const { postgres } = services;
    app.get(
      FILTERS,
      {
        config: { auth: "user", permission: "ReadDevices" },
        schema: {
          querystring: PagingQuery.extend({ name: FilterName.optional() }),
          response: { 200: z.array(Filter) },
        },
      },
      async (request, reply) => {
        const { tenant } = callingPerson(request);
        const { filters, total } = await look(postgres, request, (session) =>
          listFilters(session, tenant, { ...windowOf(request.query), name: request.query.name }),
        );
        setPageHeaders(request, reply, request.query, { total });
        return filters.map(({ id, name, terms }) => ({ id, name, terms: [...terms] }));
      },
    );

    app.post(
      FILTERS,
      {
        config: { auth: "user", permission: "ManageDevices" },
        schema: { body: NewFilter, response: { 201: z.undefined() } },
      },
      async (request, reply) => {
        const { tenant } = callingPerson(request);
        const { name, terms } = request.body;
        const predicate = readTerms(terms);
        const id = randomUUID();
        await act(postgres, request, async (session) => {
          requirePredicateInSight(session, predicate);
          await addFilter(session, tenant, { id, name, terms });
          const object = { type: "filter", id, name };
          return { result: undefined, acts: [{ action: "create", object, after: { name, terms } }] };
        });
        return reply.status(201).header("location", `${FILTERS}/${id}`).send();
      },
    );

    app.get(
      `${FILTERS}/:id`,
      { config: { auth: "user", permission: "ReadDevices" }, schema: { params, response: { 200: Filter } } },
      async (request) => {
        const { tenant } = callingPerson(request);
        const found = await look(postgres, request, (session) => findFilter(session, tenant, request.params.id));
        return { ...found, terms: [...found.terms] };
      },
    );

    app.put(
      `${FILTERS}/:id`,
      {
        config: { auth: "user", permission: "ManageDevices" },
        schema: { params, body: NewFilter, response: nothing },
      },
      async (request, reply) => {
        const { tenant } = callingPerson(request);
        const { id } = request.params;
        const { name, terms } = request.body;
        const predicate = readTerms(terms);
        await act(postgres, request, async (session) => {
          const before = await findFilter(session, tenant, id);
          requirePredicateInSight(session, readTerms(before.terms));
          requirePredicateInSight(session, predicate);
          await changeFilter(session, tenant, { id, name, terms });
          const acts = [
            {
              ...{ action: "update", object: { type: "filter", id, name } },
              before: { name: before.name, terms: before.terms },
              after: { name, terms },
            },
          ];
          return { result: undefined, acts };
        });
        return reply.status(204).send();
      },
    );

    app.delete(
      `${FILTERS}/:id`,
      { config: { auth: "user", permission: "ManageDevices" }, schema: { params, response: nothing } },
      async (request, reply) => {
        const { tenant } = callingPerson(request);
        const { id } = request.params;
        await act(postgres, request, async (session) => {
          const { name, terms } = await findFilter(session, tenant, id);
          requirePredicateInSight(session, readTerms(terms));
          await removeFilter(session, tenant, id);
          return { result: undefined, acts: [{ action: "delete", object: { type: "filter", id, name } }] };
        });
        return reply.status(204).send();
      },
    );

    app.get(
      `${FILTERS}/:id/search`,
      {
        config: { auth: "user", permission: "ReadDevices" },
        schema: {
          params,
          querystring: CursorQuery.extend({ sort: z.string().max(1024).optional() }),
          response: { 200: z.array(InventoryDevice) },
        },
      },
      async (request, reply) => {
        const { tenant } = callingPerson(request);
        const { id } = request.params;
        const { sort, ...paging } = request.query;
        const walker = walkerOf(services, request, paging, { tenant, list: "filter", query: { id, sort } });
        return look(postgres, request, async (session) => {
          const { terms } = await findFilter(session, tenant, id);
          const search = { predicate: readTerms(terms), sort: readSort(sort) };
          if (walker !== undefined) {
            const { rows, next } = await walkInventory(session, tenant, search, walker);
            walker.setHeaders(reply, next);
            return rows.map((row) => shownDevice(row));
          }
          const { rows, total } = await findPage(session, tenant, search, paging);
          setPageHeaders(request, reply, paging, { total });
          return rows.map((row) => shownDevice(row));
        });
      },
    );

    app.get(
      `${FILTERS}/:id/count`,
      {
        config: { auth: "user", permission: "ReadDevices" },
        schema: {
          params,
          querystring: z.object({ exact: z.enum(["true", "false"]).default("false") }),
          response: { 200: FilterCount },
        },
      },
      async (request) => {
        const { tenant } = callingPerson(request);
        return look(postgres, request, async (session) => {
          const { terms } = await findFilter(session, tenant, request.params.id);
          return countMatching(session, tenant, readTerms(terms), request.query.exact === "true");
        });
      },
    );
  };
