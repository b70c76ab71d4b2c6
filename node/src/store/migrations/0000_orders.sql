CREATE SEQUENCE "public"."order_numbers" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1;--> statement-breakpoint
CREATE TABLE "executions" (
	"venue" text NOT NULL,
	"execution_id" text NOT NULL,
	"trade_number" bigint NOT NULL,
	"instrument" text NOT NULL,
	"price" bigint NOT NULL,
	"quantity" bigint NOT NULL,
	"buyer" text NOT NULL,
	"seller" text NOT NULL,
	"home_venue" text NOT NULL,
	"executed_at_ms" bigint NOT NULL,
	"recorded_at_ms" bigint NOT NULL,
	"buy_leg_id" text,
	"sell_leg_id" text,
	CONSTRAINT "executions_venue_execution_id_pk" PRIMARY KEY("venue","execution_id"),
	CONSTRAINT "executions_venue_trade_number_unique" UNIQUE("venue","trade_number")
);
--> statement-breakpoint
CREATE TABLE "legs" (
	"id" text PRIMARY KEY NOT NULL,
	"order_id" text NOT NULL,
	"number" integer NOT NULL,
	"round" integer NOT NULL,
	"purpose" text NOT NULL,
	"venue" text NOT NULL,
	"time_in_force" text NOT NULL,
	"quantity" bigint NOT NULL,
	"limit_price" bigint NOT NULL,
	"status" text NOT NULL,
	"filled" bigint NOT NULL,
	"final_filled" bigint,
	"reason" text,
	"sent_at_ms" bigint NOT NULL,
	CONSTRAINT "legs_filled_within" CHECK (0 <= filled and filled <= quantity)
);
--> statement-breakpoint
CREATE TABLE "order_events" (
	"order_id" text NOT NULL,
	"sequence" bigint NOT NULL,
	"kind" text NOT NULL,
	"data" jsonb NOT NULL,
	"at_ms" bigint NOT NULL,
	CONSTRAINT "order_events_order_id_sequence_pk" PRIMARY KEY("order_id","sequence")
);
--> statement-breakpoint
CREATE TABLE "orders" (
	"id" text PRIMARY KEY NOT NULL,
	"number" bigint NOT NULL,
	"client_order_id" text NOT NULL,
	"member" text NOT NULL,
	"instrument" text NOT NULL,
	"account" text NOT NULL,
	"side" text NOT NULL,
	"type" text NOT NULL,
	"time_in_force" text NOT NULL,
	"quantity" bigint NOT NULL,
	"limit_price" bigint,
	"status" text NOT NULL,
	"filled" bigint NOT NULL,
	"notional" numeric(40, 0) NOT NULL,
	"cancel_requested" boolean NOT NULL,
	"reason" text,
	"group_open" boolean NOT NULL,
	"last_event" bigint NOT NULL,
	"placed_at_ms" bigint NOT NULL,
	CONSTRAINT "orders_number_unique" UNIQUE("number"),
	CONSTRAINT "orders_member_client_order_id_unique" UNIQUE("member","client_order_id"),
	CONSTRAINT "orders_filled_within" CHECK (0 <= filled and filled <= quantity)
);
--> statement-breakpoint
CREATE TABLE "session_inbox" (
	"peer" text PRIMARY KEY NOT NULL,
	"received" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "session_outbox" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"peer" text NOT NULL,
	"number" bigint,
	"body" jsonb NOT NULL,
	"message" "bytea",
	CONSTRAINT "session_outbox_peer_number_unique" UNIQUE("peer","number")
);
--> statement-breakpoint
CREATE TABLE "venue_orders" (
	"leg_id" text PRIMARY KEY NOT NULL,
	"sequence" bigserial NOT NULL,
	"home_venue" text NOT NULL,
	"member" text NOT NULL,
	"account" text NOT NULL,
	"instrument" text NOT NULL,
	"side" text NOT NULL,
	"time_in_force" text NOT NULL,
	"quantity" bigint NOT NULL,
	"limit_price" bigint NOT NULL,
	"status" text NOT NULL,
	"filled" bigint NOT NULL,
	"reason" text,
	"received_at_ms" bigint NOT NULL,
	CONSTRAINT "venue_orders_sequence_unique" UNIQUE("sequence"),
	CONSTRAINT "venue_orders_filled_within" CHECK (0 <= filled and filled <= quantity)
);
--> statement-breakpoint
CREATE INDEX "executions_buy_leg_id_index" ON "executions" USING btree ("buy_leg_id");--> statement-breakpoint
CREATE INDEX "executions_sell_leg_id_index" ON "executions" USING btree ("sell_leg_id");--> statement-breakpoint
CREATE INDEX "legs_order_id_index" ON "legs" USING btree ("order_id");--> statement-breakpoint
CREATE INDEX "legs_status_index" ON "legs" USING btree ("status");--> statement-breakpoint
CREATE INDEX "orders_member_number_index" ON "orders" USING btree ("member","number" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "orders_status_index" ON "orders" USING btree ("status");--> statement-breakpoint
CREATE INDEX "session_outbox_unnumbered" ON "session_outbox" USING btree ("peer","id") WHERE number is null;--> statement-breakpoint
CREATE INDEX "venue_orders_status_index" ON "venue_orders" USING btree ("status");