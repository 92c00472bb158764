import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    id("com.android.application") version "8.13.1"
    id("com.android.library") version "8.13.1" apply false
    id("org.jetbrains.kotlin.android") version "2.3.21"
    id("org.jetbrains.kotlin.plugin.compose") version "2.3.21"
}

// The model goes into the app's assets as it is.
val model = tasks.register<Sync>("model") {
    from(projectDir.resolve("../../../models/cifar10/cifar10.dunlin"))
    into(layout.buildDirectory.dir("model"))
}

android {
    namespace = "dunlin.example"
    compileSdk = 36

    defaultConfig {
        applicationId = "dunlin.example"
        minSdk = 28
        targetSdk = 36
        versionCode = 1
        versionName = "1.0"
    }

    buildTypes.named("release") {
        isMinifyEnabled = true
        proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"))
    }

    // What is compressed can't be mapped.
    androidResources.noCompress += "dunlin"
    sourceSets.named("main") { assets.srcDir(layout.buildDirectory.dir("model")) }
    buildFeatures.compose = true

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_11
        targetCompatibility = JavaVersion.VERSION_11
    }
}

kotlin {
    compilerOptions {
        jvmTarget = JvmTarget.JVM_11
    }
}

tasks.named("preBuild") { dependsOn(model) }

dependencies {
    implementation(project(":dunlin"))
    implementation(platform("androidx.compose:compose-bom:2025.11.00"))
    implementation("androidx.activity:activity-compose:1.11.0")
    implementation("androidx.compose.material3:material3")
    implementation("androidx.lifecycle:lifecycle-viewmodel-compose:2.9.4")
}
