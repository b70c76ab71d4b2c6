CREATE TABLE "execution_changes" (
	"venue" text NOT NULL,
	"execution_id" text NOT NULL,
	"revision" integer NOT NULL,
	"kind" text NOT NULL,
	"price" bigint NOT NULL,
	"quantity" bigint NOT NULL,
	"reason" text,
	"recorded_at_ms" bigint NOT NULL,
	CONSTRAINT "execution_changes_venue_execution_id_revision_pk" PRIMARY KEY("venue","execution_id","revision"),
	CONSTRAINT "execution_changes_terms" CHECK (0 < revision and 0 <= price and 0 <= quantity
        and (kind = 'busted') = (quantity = 0))
);
--> statement-breakpoint
CREATE TABLE "member_sequences" (
	"member" text PRIMARY KEY NOT NULL,
	"last" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "order_refusals" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"member" text NOT NULL,
	"action" text NOT NULL,
	"client_order_id" text,
	"order_id" text,
	"code" text NOT NULL,
	"message" text NOT NULL,
	"at_ms" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "legs" ADD COLUMN "expire_at_ms" bigint;--> statement-breakpoint
ALTER TABLE "legs" ADD COLUMN "min_quantity" bigint;--> statement-breakpoint
ALTER TABLE "legs" ADD COLUMN "all_or_none" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "legs" ADD COLUMN "revision" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "legs" ADD COLUMN "pending_quantity" bigint;--> statement-breakpoint
ALTER TABLE "legs" ADD COLUMN "pending_limit_price" bigint;--> statement-breakpoint
ALTER TABLE "order_events" ADD COLUMN "member" text;--> statement-breakpoint
ALTER TABLE "order_events" ADD COLUMN "member_sequence" bigint;--> statement-breakpoint
ALTER TABLE "order_events" ADD COLUMN "status" text;--> statement-breakpoint
ALTER TABLE "order_events" ADD COLUMN "quantity" bigint;--> statement-breakpoint
ALTER TABLE "order_events" ADD COLUMN "filled" bigint;--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "placed_quantity" bigint;--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "placed_limit_price" bigint;--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "expire_at_ms" bigint;--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "min_quantity" bigint;--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "all_or_none" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "strategy" text DEFAULT 'best' NOT NULL;--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "directed_to" text;--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "remainder" text DEFAULT 'rest-home' NOT NULL;--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "cancel_on_disconnect" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "ends_at_ms" bigint;--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "held_until_ms" bigint;--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "replacements" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "revision" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "routed_from" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "leaves" bigint;--> statement-breakpoint
ALTER TABLE "settlement_legs" ADD COLUMN "reversal" text;--> statement-breakpoint
ALTER TABLE "venue_orders" ADD COLUMN "expire_at_ms" bigint;--> statement-breakpoint
ALTER TABLE "venue_orders" ADD COLUMN "min_quantity" bigint;--> statement-breakpoint
ALTER TABLE "venue_orders" ADD COLUMN "all_or_none" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "venue_orders" ADD COLUMN "revision" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "venue_orders" ADD COLUMN "pending_revision" integer;--> statement-breakpoint
ALTER TABLE "venue_orders" ADD COLUMN "pending_quantity" bigint;--> statement-breakpoint
ALTER TABLE "venue_orders" ADD COLUMN "pending_limit_price" bigint;--> statement-breakpoint
ALTER TABLE "venue_orders" ADD COLUMN "cancel_requested" boolean DEFAULT false NOT NULL;--> statement-breakpoint
-- Orders of before: what they were placed as is what they are, and their events get their numbers.
UPDATE "orders" SET "placed_quantity" = "quantity", "placed_limit_price" = "limit_price",
	"leaves" = case when "status" in ('filled', 'canceled', 'rejected', 'expired') then 0 else "quantity" - "filled" end;
--> statement-breakpoint
UPDATE "orders" SET "remainder" = 'cancel' WHERE "type" = 'market' OR "time_in_force" IN ('ioc', 'fok');
--> statement-breakpoint
UPDATE "order_events" SET "member" = "orders"."member", "status" = "orders"."status",
	"quantity" = "orders"."quantity", "filled" = "orders"."filled"
	FROM "orders" WHERE "orders"."id" = "order_events"."order_id";
--> statement-breakpoint
UPDATE "order_events" SET "member_sequence" = "numbered"."number" FROM (
	SELECT "order_id", "sequence", row_number() OVER (PARTITION BY "member" ORDER BY "at_ms", "order_id", "sequence") AS "number"
	FROM "order_events") AS "numbered"
	WHERE "numbered"."order_id" = "order_events"."order_id" AND "numbered"."sequence" = "order_events"."sequence";
--> statement-breakpoint
INSERT INTO "member_sequences" SELECT "member", max("member_sequence") FROM "order_events" GROUP BY "member";
--> statement-breakpoint
ALTER TABLE "order_events" ALTER COLUMN "member" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "order_events" ALTER COLUMN "member_sequence" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "order_events" ALTER COLUMN "status" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "order_events" ALTER COLUMN "quantity" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "order_events" ALTER COLUMN "filled" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "orders" ALTER COLUMN "placed_quantity" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "orders" ALTER COLUMN "leaves" SET NOT NULL;--> statement-breakpoint
CREATE INDEX "order_refusals_member_id_index" ON "order_refusals" USING btree ("member","id");--> statement-breakpoint
CREATE INDEX "orders_held" ON "orders" USING btree ("held_until_ms") WHERE held_until_ms is not null;--> statement-breakpoint
ALTER TABLE "order_events" ADD CONSTRAINT "order_events_member_member_sequence_unique" UNIQUE("member","member_sequence");--> statement-breakpoint
ALTER TABLE "executions" ADD CONSTRAINT "executions_terms_positive" CHECK (0 < price and 0 < quantity and 0 < trade_number);--> statement-breakpoint
ALTER TABLE "legs" ADD CONSTRAINT "legs_final_within" CHECK (filled <= final_filled and final_filled <= quantity);--> statement-breakpoint
ALTER TABLE "legs" ADD CONSTRAINT "legs_terms_positive" CHECK (0 < quantity and 0 < limit_price and 0 <= revision);--> statement-breakpoint
ALTER TABLE "orders" ADD CONSTRAINT "orders_quantity_positive" CHECK (0 < quantity and 0 < placed_quantity);--> statement-breakpoint
ALTER TABLE "orders" ADD CONSTRAINT "orders_notional_positive" CHECK (0 <= notional);--> statement-breakpoint
ALTER TABLE "orders" ADD CONSTRAINT "orders_conserved" CHECK (case when status in ('filled', 'canceled', 'rejected', 'expired') then leaves = 0
        else filled + leaves = quantity end);--> statement-breakpoint
ALTER TABLE "orders" ADD CONSTRAINT "orders_filled_whole" CHECK (status <> 'filled' or filled = quantity);--> statement-breakpoint
ALTER TABLE "venue_orders" ADD CONSTRAINT "venue_orders_terms_positive" CHECK (0 < quantity and 0 < limit_price);--> statement-breakpoint
-- What happened stays as it was told: rows of these tables are added, and never changed or removed.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
--> statement-breakpoint
CREATE TRIGGER order_events_append_only BEFORE UPDATE OR DELETE ON "order_events" FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER execution_changes_append_only BEFORE UPDATE OR DELETE ON "execution_changes" FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER order_refusals_append_only BEFORE UPDATE OR DELETE ON "order_refusals" FOR EACH ROW EXECUTE FUNCTION refuse_change();
