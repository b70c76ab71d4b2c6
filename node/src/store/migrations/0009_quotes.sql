CREATE SEQUENCE "public"."quote_numbers" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1;--> statement-breakpoint
CREATE SEQUENCE "public"."quote_request_numbers" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1;--> statement-breakpoint
CREATE TABLE "given_quotes" (
	"id" text PRIMARY KEY NOT NULL,
	"request_id" text NOT NULL,
	"venue_quote_id" text,
	"member" text,
	"account" text,
	"client_quote_id" text,
	"bid_price" bigint,
	"bid_quantity" bigint,
	"offer_price" bigint,
	"offer_quantity" bigint,
	"valid_until_ms" bigint NOT NULL,
	"given_at_ms" bigint NOT NULL,
	"status" text NOT NULL,
	"code" text,
	"message" text,
	"leg_id" text,
	"maker_order_id" text,
	CONSTRAINT "given_quotes_venue_quote_id_unique" UNIQUE("venue_quote_id"),
	CONSTRAINT "given_quotes_member_client_quote_id_unique" UNIQUE("member","client_quote_id"),
	CONSTRAINT "given_quotes_sided" CHECK (bid_price is not null or offer_price is not null)
);
--> statement-breakpoint
CREATE TABLE "quote_inquiries" (
	"request_id" text PRIMARY KEY NOT NULL,
	"sequence" bigserial NOT NULL,
	"home_venue" text NOT NULL,
	"member" text NOT NULL,
	"instrument" text NOT NULL,
	"side" text,
	"quantity" bigint NOT NULL,
	"expire_at_ms" bigint NOT NULL,
	"responders" jsonb,
	"status" text NOT NULL,
	"received_at_ms" bigint NOT NULL,
	CONSTRAINT "quote_inquiries_sequence_unique" UNIQUE("sequence")
);
--> statement-breakpoint
CREATE TABLE "quote_requests" (
	"id" text PRIMARY KEY NOT NULL,
	"number" bigint NOT NULL,
	"member" text NOT NULL,
	"client_request_id" text NOT NULL,
	"instrument" text NOT NULL,
	"account" text NOT NULL,
	"side" text,
	"quantity" bigint NOT NULL,
	"expire_at_ms" bigint NOT NULL,
	"venues" jsonb NOT NULL,
	"status" text NOT NULL,
	"requested_at_ms" bigint NOT NULL,
	CONSTRAINT "quote_requests_number_unique" UNIQUE("number"),
	CONSTRAINT "quote_requests_member_client_request_id_unique" UNIQUE("member","client_request_id")
);
--> statement-breakpoint
CREATE TABLE "quotes" (
	"id" text PRIMARY KEY NOT NULL,
	"request_id" text NOT NULL,
	"venue" text NOT NULL,
	"bid_price" bigint,
	"bid_quantity" bigint,
	"offer_price" bigint,
	"offer_quantity" bigint,
	"valid_until_ms" bigint NOT NULL,
	"received_at_ms" bigint NOT NULL,
	"status" text NOT NULL,
	"code" text,
	"message" text,
	"order_id" text,
	"signed" "bytea",
	CONSTRAINT "quotes_sided" CHECK (bid_price is not null or offer_price is not null)
);
--> statement-breakpoint
ALTER TABLE "orders" ADD COLUMN "quote_id" text;--> statement-breakpoint
ALTER TABLE "venue_orders" ADD COLUMN "quote_id" text;--> statement-breakpoint
CREATE INDEX "given_quotes_request_id_index" ON "given_quotes" USING btree ("request_id");--> statement-breakpoint
CREATE INDEX "given_quotes_leg_id_index" ON "given_quotes" USING btree ("leg_id");--> statement-breakpoint
CREATE INDEX "given_quotes_status_index" ON "given_quotes" USING btree ("status");--> statement-breakpoint
CREATE INDEX "quote_inquiries_status_index" ON "quote_inquiries" USING btree ("status");--> statement-breakpoint
CREATE INDEX "quote_inquiries_home_venue_status_index" ON "quote_inquiries" USING btree ("home_venue","status");--> statement-breakpoint
CREATE INDEX "quote_requests_member_number_index" ON "quote_requests" USING btree ("member","number" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "quote_requests_status_index" ON "quote_requests" USING btree ("status");--> statement-breakpoint
CREATE INDEX "quotes_request_id_index" ON "quotes" USING btree ("request_id");--> statement-breakpoint
CREATE INDEX "quotes_status_index" ON "quotes" USING btree ("status");--> statement-breakpoint
CREATE INDEX "quotes_order_id_index" ON "quotes" USING btree ("order_id");