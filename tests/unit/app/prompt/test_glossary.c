/* app/prompt/glossary: Chinese prompts in English. */
#include <string.h>

#include "app/common/app_data.h"
#include "app/prompt/glossary.h"
#include "base/str.h"
#include "support/app_cases.h"
#include "text/unicode.h"

static fc_arena arena;
static fc_glossary glossary;

static int open_glossary(void **state)
{
    (void)state;
    fc_err err = {0};
    fc_arena_init(&arena, 64 << 20);
    assert_ok(fc_glossary_open(&arena, &glossary, &err), &err);
    return 0;
}

static int close_glossary(void **state)
{
    (void)state;
    fc_arena_fini(&arena);
    return 0;
}

/* Sentences as people type them, their English as it was read and found right, and the words not known. */
static const struct {
    const char *chinese, *english, *unknown;
} sentences[] = {
    {"一只红色的狐狸在雪地里", "a red fox in the snow", ""},
    {"海边的红色灯塔，日落，水彩画", "red lighthouse by the sea, at sunset, watercolor", ""},
    {"一只戴着红帽子的猫坐在树下看书", "a cat wearing red hat sitting under the tree reading", ""},
    {"傍晚海边有一座白色的灯塔", "a white lighthouse by the sea at dusk", ""},
    {"桌子上有三个苹果和一杯咖啡", "three apples and a cup of coffee on the table", ""},
    {"两只蝴蝶在花园里飞舞", "two butterflies dancing in the garden", ""},
    {"穿着汉服的少女站在樱花树下，电影感，柔和的光线",
     "young girl wearing hanfu standing under the cherry blossom tree, cinematic, soft light", ""},
    {"赛博朋克城市夜景，霓虹灯，下雨，反射", "cyberpunk city night, neon lights, in the rain, reflection",
     ""},
    {"森林里的小木屋，清晨，薄雾，阳光洒在草地上",
     "cabin in the forest, early morning, mist, sunlight shining on in the meadow", ""},
    {"一位白发老人在江边钓鱼，水墨画风格",
     "a white hair old man fishing by the river, ink wash painting style", ""},
    {"宇航员骑着马在火星上，高清，细节丰富",
     "astronaut riding horse on the planet mars, high resolution, rich details", ""},
    {"可爱的小女孩抱着一只毛茸茸的兔子", "cute little girl hugging a fluffy rabbit", ""},
    {"古老的城堡，(红色:1.3)的旗帜", "ancient castle, (red:1.3) flag", ""},
    {"貓咪躺在沙發上睡覺", "cat lying on the sofa sleeping", ""},
    {"雪山下的湖泊，倒影，超高清，8k画质", "lake under the snowy mountain, reflection, ultra hd, 8k quality",
     ""},
    {"a photo of 一只猫, best quality", "a photo of a cat, best quality", ""},
    {"黑色的龙飞过燃烧的村庄，史诗感", "black dragon flying over burning village, epic", ""},
    {"中国古代宫殿，金色屋顶，蓝天白云", "chinese ancient palace, golden rooftop, blue sky and white clouds",
     ""},
    {"魔法森林中发光的蘑菇", "glowing mushroom in the magical forest", ""},
    {"雨夜的东京街头，一个撑着红伞的女孩",
     "tokyo on a rainy night on the street, a girl holding up red umbrella", ""},
    {"竹林里的大熊猫在吃竹子", "panda in the bamboo forest eating bamboo", ""},
    {"水晶球里的小城市", "small city in the crystal ball", ""},
    {"一座漂浮在空中的岛屿，瀑布从岛上落下", "an island floating in the sky, waterfall falling on the island",
     ""},
    {"正在弹钢琴的小男孩，温暖的灯光", "boy playing piano, warm lighting", ""},
    {"中国山水画，远处的山峰，云雾缭绕，一叶小舟",
     "chinese shan shui landscape painting, mountain peak in the distance, misty, small boat", ""},
    {"戴着墨镜的柴犬开着跑车", "shiba inu wearing sunglasses driving sports car", ""},
    {"未来城市，飞行汽车，夕阳", "futuristic city, flying car, sunset", ""},
    {"一杯热咖啡放在木桌上，旁边有一本书", "a cup of hot coffee placed on the wooden table, a book", ""},
    {"穿西装的兔子先生，油画，巴洛克风格", "rabbit gentleman wearing suit, oil painting, baroque style", ""},
    {"少年剑客站在悬崖边，风吹动他的长袍",
     "teenage boy swordsman standing beside the cliff, wind stirring robe", ""},
    {"一群羊在草原上吃草，蓝天白云",
     "a group of sheep eating grass on the grassland, blue sky and white clouds", ""},
    {"圣诞树下的礼物，壁炉，温馨的房间", "gift under the christmas tree, fireplace, warm room", ""},
    {"机械蝴蝶，蒸汽朋克，齿轮，高度精细", "mechanical butterfly, steampunk, gears, highly detailed", ""},
    {"沙漠中的紫色帐篷，夜晚，星空", "purple tent in the desert, at night, starry sky", ""},
    {"三只黑色的猫在屋顶上，月光，像素画", "three black cats on the roof, moonlight, pixel art", ""},
    {"雪山前的一座红色房子，早晨", "a red house in front of the snowy mountain, in the morning", ""},
    {"城市里的蓝色汽车，下雨天，霓虹风格", "blue car in the city, in the rain, neon style", ""},
    {"天空中的两个粉色气球，线稿", "two pink balloons in the sky, line drawing", ""},
};

static void plain_sentences_are_translated(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++) {
        fc_translation t;
        fc_err err = {0};
        assert_ok(fc_glossary_translate(&glossary, sentences[i].chinese, &arena, &t, &err), &err);
        assert_string_equal(t.english, sentences[i].english);
        fc_buf unknown;
        fc_buf_init(&unknown, 1000);
        for (size_t k = 0; k < t.unknown.count; k++)
            fc_buf_printf(&unknown, "%s%s", k ? "," : "", t.unknown.items[k]);
        assert_string_equal(fc_buf_cstr(&unknown), sentences[i].unknown);
        fc_buf_fini(&unknown);
    }
}

static void what_is_not_chinese_stays(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "a (red:1.2) fox, [[a, b]] <lora:x:0.5>",
                                        "a  b ,c\n d",
                                        "caf\xc3\xa9",
                                        "(((",
                                        "\xd0\xba\xd0\xbe\xd1\x82",
                                        "\xe7\x8c x"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        fc_translation t;
        fc_err err = {0};
        assert_ok(fc_glossary_translate(&glossary, texts[i], &arena, &t, &err), &err);
        assert_string_equal(t.english, texts[i]);
        assert_int_equal(t.unknown.count, 0);
    }
}

static void chinese_is_told_from_its_neighbours(void **state)
{
    (void)state;
    assert_true(fc_text_is_chinese("a photo of 猫"));
    assert_true(fc_text_is_chinese("貓"));
    assert_false(fc_text_is_chinese("a cat, (red:1.2)"));
    assert_false(fc_text_is_chinese("猫の絵")); /* Japanese */
    assert_false(fc_text_is_chinese("고양이"));
    assert_false(fc_text_is_chinese("кот"));
}

static void a_long_text_is_refused(void **state)
{
    (void)state;
    fc_translation t;
    fc_err err = {0};
    size_t size = (64 << 10) + 3;
    char *text = fc_arena_alloc(&arena, size + 1);
    for (size_t i = 0; i < size; i += 3) memcpy(text + i, "猫", 3);
    assert_fails(fc_glossary_translate(&glossary, text, &arena, &t, &err), FC_LIMIT, &err,
                 "can be translated");
}

/* Sentences of nothing but words that hold others inside do not go on for ever or nest without end. */
static void deep_sentences_end(void **state)
{
    (void)state;
    fc_translation t;
    fc_err err = {0};
    fc_buf text;
    fc_buf_init(&text, 1 << 16);
    for (int i = 0; i < 500; i++) fc_buf_puts(&text, "戴着帽子的");
    fc_buf_puts(&text, "猫");
    assert_ok(fc_glossary_translate(&glossary, fc_buf_cstr(&text), &arena, &t, &err), &err);
    assert_non_null(strstr(t.english, "cat"));
    fc_buf_fini(&text);
}

static const char *const classes[] = {
    "[noun]",        "[adjective]",  "[verb]", "[number]", "[measure]",  "[place]",  "[preposition]",
    "[conjunction]", "[possessive]", "[have]", "[copula]", "[particle]", "[phrase]", "[time]"};

static void check_line(const char *name, const char *line, size_t size)
{
    if (size == 0 || *line == '#') return;
    if (*line == '[') {
        for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
            if (strlen(classes[i]) == size && !memcmp(classes[i], line, size)) return;
        fail_msg("%s: no such class: %.*s", name, (int)size, line);
    }
    const char *colon = memchr(line, ':', size);
    if (!colon || colon + 1 == line + size || colon[1] != ' ') fail_msg("%s: %.*s", name, (int)size, line);
    for (const char *s = line; s < colon; s++)
        if ((unsigned char)*s >= 128) fail_msg("%s: English in %.*s", name, (int)size, line);
}

/* The lists themselves: known classes, English of ASCII, Chinese words with a Chinese character, none twice
 * in a class. */
static void the_lists_are_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < fc_app_data.count; i++) {
        const fc_embedded_file *file = &fc_app_data.files[i];
        const char *at = file->data, *end = file->data + file->size;
        if (!fc_str_starts(file->name, "glossary/zh/") || strstr(file->name, "traditional")) continue;
        while (at < end) {
            const char *line = at;
            size_t size = fc_line_next(&at, end);
            check_line(file->name, line, size);
        }
    }
    assert_true(glossary.count >= 4000);
    assert_true(glossary.pairs >= 400);
    for (size_t i = 0; i < glossary.count; i++) {
        const fc_word *w = &glossary.words[i];
        if (!fc_text_is_chinese(w->chinese)) fail_msg("%s is not Chinese", w->chinese);
        if (i && !strcmp(w[-1].chinese, w->chinese) && w[-1].class == w->class)
            fail_msg("%s stands twice: %s, %s", w->chinese, w[-1].english, w->english);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_sentences_are_translated),
        cmocka_unit_test(what_is_not_chinese_stays),
        cmocka_unit_test(chinese_is_told_from_its_neighbours),
        cmocka_unit_test(a_long_text_is_refused),
        cmocka_unit_test(deep_sentences_end),
        cmocka_unit_test(the_lists_are_in_order),
    };
    return cmocka_run_group_tests(tests, open_glossary, close_glossary);
}
