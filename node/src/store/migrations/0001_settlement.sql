CREATE TABLE "chain_cursors" (
	"contract" text PRIMARY KEY NOT NULL,
	"block_number" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "settlement_batches" (
	"id" text PRIMARY KEY NOT NULL,
	"role" text NOT NULL,
	"home_venue" text NOT NULL,
	"order_id" text,
	"group_number" integer,
	"legs" jsonb NOT NULL,
	"groups_hash" text NOT NULL,
	"deadline" bigint NOT NULL,
	"signatures" jsonb NOT NULL,
	"state" text NOT NULL,
	"code" text,
	"reason" text,
	"sender" text,
	"nonce" bigint,
	"raw_transaction" text,
	"transaction_hash" text,
	"earlier_hashes" jsonb NOT NULL,
	"block_number" bigint,
	"created_at_ms" bigint NOT NULL,
	CONSTRAINT "settlement_batches_order_id_group_number_unique" UNIQUE("order_id","group_number"),
	CONSTRAINT "settlement_batches_sender_nonce_unique" UNIQUE("sender","nonce")
);
--> statement-breakpoint
CREATE TABLE "settlement_legs" (
	"executing_venue" text NOT NULL,
	"trade_number" bigint NOT NULL,
	"execution_id" text NOT NULL,
	"home_venue" text NOT NULL,
	"instrument" text NOT NULL,
	"price" bigint NOT NULL,
	"quantity" bigint NOT NULL,
	"token" text NOT NULL,
	"cash_token" text NOT NULL,
	"seller" text NOT NULL,
	"buyer" text NOT NULL,
	"token_quantity" numeric(78, 0) NOT NULL,
	"cash_amount" numeric(78, 0) NOT NULL,
	"order_id" text,
	"leg_id" text,
	"batch_id" text,
	"state" text NOT NULL,
	"code" text,
	"reason" text,
	"transaction_hash" text,
	"block_number" bigint,
	"recorded_at_ms" bigint NOT NULL,
	CONSTRAINT "settlement_legs_executing_venue_trade_number_pk" PRIMARY KEY("executing_venue","trade_number")
);
--> statement-breakpoint
CREATE INDEX "settlement_batches_open" ON "settlement_batches" USING btree ("created_at_ms") WHERE state in ('instructed', 'affirmed', 'submitted');--> statement-breakpoint
CREATE INDEX "settlement_legs_order_id_index" ON "settlement_legs" USING btree ("order_id");--> statement-breakpoint
CREATE INDEX "settlement_legs_batch_id_index" ON "settlement_legs" USING btree ("batch_id");--> statement-breakpoint
CREATE INDEX "settlement_legs_open" ON "settlement_legs" USING btree ("recorded_at_ms") WHERE state in ('instructed', 'affirmed', 'submitted');